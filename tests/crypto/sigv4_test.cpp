#include "crypto/sigv4.h"

#include "crypto/hex.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace outcrop::crypto {
namespace {

// Every client signs the path that it sends: botocore, given a key with "%2F" in it, signs "%2F" and not "/".
TEST(CanonicalPath, IsEncodedOnceForS3) {
  EXPECT_EQ(canonical_path("/bucket/a%2Fb", PathStyle::once), "/bucket/a%2Fb");
  EXPECT_EQ(canonical_path("/bucket/a%20b/%C3%BC", PathStyle::once), "/bucket/a%20b/%C3%BC");
  EXPECT_EQ(canonical_path("/bucket/a b!(1)", PathStyle::once), "/bucket/a%20b%21%281%29");
  EXPECT_EQ(canonical_path("/bucket//a/../b/./", PathStyle::once), "/bucket//a/../b/./");
  EXPECT_EQ(canonical_path("/bucket/100%25", PathStyle::once), "/bucket/100%25");
  EXPECT_EQ(canonical_path("", PathStyle::once), "/");
}

// Clients send a model's ARN in a path as arn%3Aaws...%2Fname, and sign it encoded once more.
TEST(CanonicalPath, IsNormalisedAndEncodedTwiceForOtherServices) {
  EXPECT_EQ(canonical_path("/model/arn%3Aaws%3Abedrock%2Fm/invoke", PathStyle::twice_normalised),
            "/model/arn%253Aaws%253Abedrock%252Fm/invoke");
  EXPECT_EQ(canonical_path("/a/./b/..//c/", PathStyle::twice_normalised), "/a/c/");
  EXPECT_EQ(canonical_path("", PathStyle::twice_normalised), "/");
}

TEST(CanonicalQuery, SortsByNameAndThenByValueAfterEncoding) {
  EXPECT_EQ(canonical_query("b=2&a=2&a=1&A=3"), "A=3&a=1&a=2&b=2");
  EXPECT_EQ(canonical_query("a-b=1&a=2"), "a=2&a-b=1") << "'-' sorts before '=', and a before a-b";
  EXPECT_EQ(canonical_query("%C3%BC=1&z=2"), "%C3%BC=1&z=2");
}

TEST(CanonicalQuery, WritesEveryParameterWithAnEqualsSign) {
  EXPECT_EQ(canonical_query(""), "");
  EXPECT_EQ(canonical_query("uploads"), "uploads=");
  EXPECT_EQ(canonical_query("a=&&b"), "a=&b=");
  EXPECT_EQ(canonical_query("a=b=c"), "a=b%3Dc");
}

TEST(CanonicalQuery, EncodesEachByteOnce) {
  EXPECT_EQ(canonical_query("a=%2f+%20~&b=*"), "a=%2F%2B%20~&b=%2A");
  EXPECT_EQ(canonical_query("X-Amz-Signature=1&a=2", "X-Amz-Signature"), "a=2");
  EXPECT_EQ(canonical_query("X%2DAmz-Signature=1&a=2", "X-Amz-Signature"), "a=2");
}

TEST(CanonicalHeaderValue, TrimsAndCollapsesWhiteSpace) {
  EXPECT_EQ(canonical_header_value("  a   b \t c\r\n d  "), "a b c d");
  EXPECT_EQ(canonical_header_value(" \t "), "");
  EXPECT_EQ(canonical_header_value(""), "");
}

TEST(CanonicalRequest, TakesAuthorityForHostAndTheOtherWayRound) {
  const std::vector<HeaderField> http2 = {{":authority", "h:1"}};
  const std::vector<HeaderField> http1 = {{"Host", "h:1"}};
  for (const std::vector<HeaderField>& headers : {http2, http1}) {
    const SignableRequest request{"GET", "/", "", headers};
    EXPECT_EQ(canonical_request(request, "", std::vector<std::string>{"host"}, "P", PathStyle::once),
              "GET\n/\n\nhost:h:1\n\nhost\nP");
    EXPECT_EQ(canonical_request(request, "", std::vector<std::string>{":authority"}, "P", PathStyle::once),
              "GET\n/\n\n:authority:h:1\n\n:authority\nP");
  }
}

TEST(Payload, IsADigestOrOneOfTheMarkers) {
  EXPECT_EQ(payload_kind(kEmptySha256), PayloadKind::hashed);
  for (const PayloadKind kind :
       {PayloadKind::unsigned_payload, PayloadKind::streaming_signed, PayloadKind::streaming_signed_trailer,
        PayloadKind::streaming_unsigned_trailer})
    EXPECT_EQ(payload_kind(payload_marker(kind)), kind);
  EXPECT_EQ(payload_kind(""), std::nullopt);
  EXPECT_EQ(payload_kind("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), std::nullopt);
  EXPECT_EQ(payload_kind("unsigned-payload"), std::nullopt);
}

// AWS General Reference, "Deriving the signing key".
TEST(SigningKey, IsThePublishedOne) {
  const Secret key = signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", {"20150830", "us-east-1", "iam"});
  EXPECT_EQ(to_hex(std::as_bytes(std::span(key.view()))),
            "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
}

}  // namespace
}  // namespace outcrop::crypto
