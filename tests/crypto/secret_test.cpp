#include "crypto/secret.h"

#include <string>
#include <type_traits>

#include <gtest/gtest.h>

namespace outcrop::crypto {
namespace {

static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);

TEST(Secret, KeepsItsBytesAndGivesThemUpOnMove) {
  Secret first("a key with \0 in it");
  Secret second(std::move(first));
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): what a moved-from secret is, is the point
  EXPECT_EQ(second.view(), "a key with ");
  Secret third("other");
  third = std::move(second);
  EXPECT_EQ(third.view(), "a key with ");
  EXPECT_EQ(third.clone().view(), third.view());
}

TEST(Secret, OverwritesMemoryOnDemand) {
  std::string text = "a key";
  wipe(std::as_writable_bytes(std::span(text)));
  EXPECT_EQ(text, std::string(5, '\0'));
}

TEST(Secret, ComparesWholeTexts) {
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_in_constant_time("abc", "ab"));
}

}  // namespace
}  // namespace outcrop::crypto
