#include "base/error.h"

#include <set>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace outcrop {
namespace {

TEST(Error, WithinAddsContextInFrontAndKeepsTheCode) {
  Error error{Code::corrupt_data, "short read"};
  error = std::move(error).within("adapter_model.safetensors");
  error = std::move(error).within("loading adapter a1");
  EXPECT_EQ(error.message, "loading adapter a1: adapter_model.safetensors: short read");
  EXPECT_EQ(error.code, Code::corrupt_data);
}

TEST(Error, EveryCodeHasANameOfItsOwn) {
  std::set<std::string> names;
  const int last = static_cast<int>(Code::internal);
  for (int code = 0; code <= last; ++code) names.emplace(to_string(static_cast<Code>(code)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(last) + 1);
  EXPECT_FALSE(names.contains("unknown"));
}

TEST(Error, NamesAreSpelledLikeTheEnumerators) {
  EXPECT_EQ(to_string(Code::invalid_argument), "invalid_argument");
  EXPECT_EQ(to_string(Code::out_of_memory), "out_of_memory");
  EXPECT_EQ(to_string(static_cast<Code>(200)), "unknown");
}

}  // namespace
}  // namespace outcrop
