#include "crypto/uri.h"

#include <string>

#include <gtest/gtest.h>

namespace outcrop::crypto {
namespace {

TEST(PercentEncode, KeepsUnreservedCharactersOnly) {
  EXPECT_EQ(percent_encode("AZaz09-_.~"), "AZaz09-_.~");
  EXPECT_EQ(percent_encode(" !\"#$%&'()*+,/:;=?@[]\x7f"),
            "%20%21%22%23%24%25%26%27%28%29%2A%2B%2C%2F%3A%3B%3D%3F%40%5B%5D%7F");
  EXPECT_EQ(percent_encode("ሴ"), "%E1%88%B4");
  EXPECT_EQ(percent_encode(std::string_view("\0\xff", 2)), "%00%FF");
  EXPECT_EQ(percent_encode("/a b/", Slashes::keep), "/a%20b/");
}

TEST(PercentDecode, ReadsEscapesOfEitherCase) {
  EXPECT_EQ(percent_decode("a%2fb%2Fc"), "a/b/c");
  EXPECT_EQ(percent_decode("%00"), std::string(1, '\0'));
}

TEST(PercentDecode, LeavesPlusAndBrokenEscapes) {
  EXPECT_EQ(percent_decode("a+b"), "a+b");
  EXPECT_EQ(percent_decode("%"), "%");
  EXPECT_EQ(percent_decode("%4"), "%4");
  EXPECT_EQ(percent_decode("%zz%41"), "%zzA");
  EXPECT_EQ(percent_decode("%%41"), "%A");
}

TEST(PercentComplete, EncodesWhatIsLeftAndKeepsWhatIsEncoded) {
  EXPECT_EQ(percent_complete("/a b/ሴ!"), "/a%20b/%E1%88%B4%21");
  EXPECT_EQ(percent_complete("/a%2Fb%2fc%7E"), "/a%2Fb%2fc%7E");
  EXPECT_EQ(percent_complete("/%/%4/%zz/%%41"), "/%25/%254/%25zz/%25%41");
}

TEST(NormalisePath, RemovesDotSegmentsAndDoubledSlashes) {
  EXPECT_EQ(normalise_path(""), "/");
  EXPECT_EQ(normalise_path("/"), "/");
  EXPECT_EQ(normalise_path("//"), "/");
  EXPECT_EQ(normalise_path("/a/./b/..//c/"), "/a/c/");
  EXPECT_EQ(normalise_path("/a/b/../.."), "/");
  EXPECT_EQ(normalise_path("/a/b/.."), "/a");
  EXPECT_EQ(normalise_path("/a/b/."), "/a/b");
  EXPECT_EQ(normalise_path("/../../a"), "/a");
  EXPECT_EQ(normalise_path("/.../a.b"), "/.../a.b");
  EXPECT_EQ(normalise_path("/%2e%2e/a"), "/%2e%2e/a") << "an encoded dot is not a dot segment";
}

}  // namespace
}  // namespace outcrop::crypto
