#include "cli/exit_codes.h"

#include <gtest/gtest.h>

namespace outcrop::cli {
namespace {

TEST(ExitCodes, AreWhatTheDocumentationPromises) {
  EXPECT_EQ(exit_code(Code::internal), 1);
  EXPECT_EQ(exit_code(Code::io), 1);
  EXPECT_EQ(exit_code(Code::already_exists), 1);
  EXPECT_EQ(exit_code(Code::invalid_argument), 3);
  EXPECT_EQ(exit_code(Code::corrupt_data), 3);
  EXPECT_EQ(exit_code(Code::unsupported), 3);
  EXPECT_EQ(exit_code(Code::not_found), 4);
  EXPECT_EQ(exit_code(Code::out_of_memory), 5);
  EXPECT_EQ(exit_code(Code::quota_exceeded), 5);
  EXPECT_EQ(exit_code(Code::cancelled), 130);
}

TEST(ExitCodes, NoErrorLooksLikeSuccessOrUsage) {
  for (int code = 0; code <= static_cast<int>(Code::internal); ++code) {
    EXPECT_NE(exit_code(static_cast<Code>(code)), kSuccess);
    EXPECT_NE(exit_code(static_cast<Code>(code)), kUsage);
  }
}

}  // namespace
}  // namespace outcrop::cli
