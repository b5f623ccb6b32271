#include "crypto/sigv4_verify.h"

#include "crypto/amz_date.h"
#include "crypto/sha256.h"
#include "crypto/sigv4_sign.h"

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace outcrop::crypto {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kId = "AKIDEXAMPLE";
constexpr std::string_view kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr std::array kServices = {kBedrockRules, kS3Rules};

const std::chrono::sys_seconds kNow = *parse_amz_date("20150830T123600Z");

std::optional<Secret> lookup(std::string_view id, std::string_view token) {
  if (id == kId && token.empty()) return Secret(kSecret);
  if (id == "ASIATEMPORARY" && token == "token/+=") return Secret(kSecret);
  return std::nullopt;
}

/// A request that owns its parts, so that a test can sign it, change it and have it checked.
struct Request {
  std::string method = "POST";
  std::string path = "/model/m/converse";
  std::string query;
  std::vector<std::pair<std::string, std::string>> headers = {{"Host", "localhost:8484"},
                                                              {"Content-Type", "application/json"}};
  std::string body = "{}";

  std::vector<HeaderField> fields() const {
    std::vector<HeaderField> views;
    for (const auto& [name, value] : headers) views.push_back({name, value});
    return views;
  }
  std::string& header(std::string_view name) {
    return std::ranges::find(headers, name, [](const auto& field) { return std::string_view(field.first); })
        ->second;
  }
  void drop(std::string_view name) {
    std::erase_if(headers, [name](const auto& field) { return field.first == name; });
  }
};

SigningOptions bedrock_signing() {
  static const std::string hash = sha256_hex("{}");
  return {.region = "us-east-1", .service = "bedrock", .time = kNow, .payload_hash = hash};
}

SigningOptions s3_signing(std::string_view payload) {
  return {.region = "us-east-1",
          .service = "s3",
          .time = kNow,
          .payload_hash = payload,
          .path = PathStyle::once,
          .add_payload_header = true};
}

Request signed_request(const SigningOptions& options = bedrock_signing(), Request request = {},
                       SigningCredentials credentials = {kId, kSecret}) {
  const std::vector<HeaderField> fields = request.fields();
  const auto result = sign_headers({request.method, request.path, request.query, fields}, credentials, options);
  EXPECT_TRUE(result) << result.error().message;
  for (const auto& [name, value] : result->added) request.headers.emplace_back(name, value);
  return request;
}

Request presigned_request(const SigningOptions& options = bedrock_signing(), Request request = {},
                          SigningCredentials credentials = {kId, kSecret}) {
  const std::vector<HeaderField> fields = request.fields();
  const auto result =
      presign_query({request.method, request.path, request.query, fields}, credentials, options);
  EXPECT_TRUE(result) << result.error().message;
  request.query = result->query;
  return request;
}

/// body_read: false, where the check comes before the body.
SigV4Result<SignedIdentity> verify(const Request& request, std::chrono::sys_seconds now = kNow,
                                   bool body_read = true, bool allow_unsigned_payload = true) {
  const std::vector<HeaderField> fields = request.fields();
  const std::string hash = sha256_hex(request.body);
  VerifyOptions options{.now = now,
                        .region = "us-east-1",
                        .services = kServices,
                        .allow_unsigned_payload = allow_unsigned_payload};
  if (body_read) options.body_sha256 = hash;
  return verify_signature({request.method, request.path, request.query, fields}, options, lookup);
}

void expect_refused(const SigV4Result<SignedIdentity>& result, SigV4Problem problem, std::string_view field) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().problem, problem) << result.error().message;
  EXPECT_EQ(result.error().field, field) << result.error().message;
  EXPECT_FALSE(result.error().message.empty());
}

TEST(VerifySignature, TellsWhoSigned) {
  const auto identity = verify(signed_request());
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(identity->access_key_id, kId);
  EXPECT_EQ(identity->scope.text(), "20150830/us-east-1/bedrock/aws4_request");
  EXPECT_EQ(identity->amz_date, "20150830T123600Z");
  EXPECT_FALSE(identity->presigned);
  EXPECT_EQ(identity->payload_sha256, sha256_hex("{}"));
}

TEST(VerifySignature, TakesAPresignedRequest) {
  const auto identity = verify(presigned_request(), kNow + 3600s);
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_TRUE(identity->presigned);
}

TEST(VerifySignature, TakesATemporaryKeyWithItsTokenOnly) {
  const SigningCredentials temporary{"ASIATEMPORARY", kSecret, "token/+="};
  EXPECT_TRUE(verify(signed_request(bedrock_signing(), {}, temporary)));
  EXPECT_TRUE(verify(presigned_request(bedrock_signing(), {}, temporary)));
  const SigningCredentials other{"ASIATEMPORARY", kSecret, "other"};
  expect_refused(verify(signed_request(bedrock_signing(), {}, other)), SigV4Problem::unknown_key, "Credential");
}

TEST(VerifySignature, NamesWhatIsMissing) {
  expect_refused(verify(Request{}), SigV4Problem::missing_token, "Authorization");
  Request request = signed_request();
  request.drop("X-Amz-Date");
  expect_refused(verify(request), SigV4Problem::incomplete_signature, "X-Amz-Date");
  for (const std::string part : {"Credential", "SignedHeaders", "Signature"}) {
    request = signed_request();
    std::string& text = request.header("Authorization");
    const std::size_t begin = text.find(part + "=");
    text.erase(begin, std::min(text.find(", ", begin), text.size() - 2) + 2 - begin);
    expect_refused(verify(request), SigV4Problem::incomplete_signature, part);
  }
  for (const std::string name : {"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
                                 "X-Amz-SignedHeaders", "X-Amz-Signature"}) {
    request = presigned_request();
    request.query.replace(request.query.find(name + "="), name.size(), "x");
    const auto refused = verify(request);
    expect_refused(refused, SigV4Problem::incomplete_signature, name);
    EXPECT_TRUE(refused.error().presigned);
  }
}

TEST(VerifySignature, RefusesSecondSignaturesAndOtherAlgorithms) {
  Request request = signed_request();
  request.headers.emplace_back("authorization", request.header("Authorization"));
  expect_refused(verify(request), SigV4Problem::several_signatures, "Authorization");
  request = signed_request();
  request.query = presigned_request().query;
  expect_refused(verify(request), SigV4Problem::several_signatures, "Authorization");
  request = presigned_request();
  request.query += "&X-Amz-Date=20150830T123600Z";
  expect_refused(verify(request), SigV4Problem::incomplete_signature, "X-Amz-Date");
  for (const char* other :
       {"AWS AKIDEXAMPLE:c2lnbmF0dXJl", "AWS4-ECDSA-P256-SHA256 Credential=a", "", "Bearer x"}) {
    request = signed_request();
    request.header("Authorization") = other;
    expect_refused(verify(request), SigV4Problem::unsupported_algorithm, "Authorization");
  }
}

TEST(VerifySignature, RefusesASecondDateTokenOrPayload) {
  for (const char* name : {"x-amz-date", "x-amz-content-sha256", "x-amz-security-token"}) {
    Request request = signed_request(s3_signing(sha256_hex("{}")));
    request.headers.emplace_back(name, "1");
    request.headers.emplace_back(name, "2");
    expect_refused(verify(request), SigV4Problem::incomplete_signature, name);
  }
}

TEST(VerifySignature, HoldsTheScopeAgainstThisDoor) {
  SigningOptions options = bedrock_signing();
  options.region = "eu-west-1";
  expect_refused(verify(signed_request(options)), SigV4Problem::wrong_scope, "region");
  options = bedrock_signing();
  options.service = "iam";
  expect_refused(verify(signed_request(options)), SigV4Problem::wrong_scope, "service");
  Request request = signed_request();
  std::string& text = request.header("Authorization");
  text.replace(text.find("20150830"), 8, "20150829");
  expect_refused(verify(request), SigV4Problem::wrong_scope, "day");
  request = signed_request();
  request.header("Authorization")
      .replace(request.header("Authorization").find("aws4_request"), 12, "aws5_request");
  expect_refused(verify(request), SigV4Problem::wrong_scope, "terminator");
}

TEST(VerifySignature, AllowsEachServiceItsSkew) {
  const Request bedrock = signed_request();
  EXPECT_TRUE(verify(bedrock, kNow + 300s));
  EXPECT_TRUE(verify(bedrock, kNow - 300s));
  expect_refused(verify(bedrock, kNow + 301s), SigV4Problem::skewed, "X-Amz-Date");
  expect_refused(verify(bedrock, kNow - 301s), SigV4Problem::skewed, "X-Amz-Date");
  EXPECT_EQ(verify(bedrock, kNow - 301s).error().signed_at, kNow);
  const Request s3 = signed_request(s3_signing(sha256_hex("{}")));
  EXPECT_TRUE(verify(s3, kNow + 900s));
  expect_refused(verify(s3, kNow + 901s), SigV4Problem::skewed, "X-Amz-Date");
}

TEST(VerifySignature, EndsWithThePresignedTime) {
  SigningOptions options = bedrock_signing();
  options.expires = std::chrono::days(7);
  EXPECT_TRUE(verify(presigned_request(options), kNow + std::chrono::days(7)));
  expect_refused(verify(presigned_request(options), kNow + std::chrono::days(7) + 1s), SigV4Problem::expired,
                 "X-Amz-Expires");
  expect_refused(verify(presigned_request(options), kNow - 301s), SigV4Problem::not_yet_valid, "X-Amz-Date");
  for (const char* expires : {"0", "604801", "-1", "1e3", "", "99999999999999999999"}) {
    Request request = presigned_request();
    request.query.replace(request.query.find("X-Amz-Expires=3600"), 18,
                          std::string("X-Amz-Expires=") + expires);
    expect_refused(verify(request), SigV4Problem::incomplete_signature, "X-Amz-Expires");
  }
}

TEST(VerifySignature, TakesTheDateHeaderWhereThereIsNoOther) {
  // botocore signs so where a request has a Date header already.
  const std::vector<std::string> names = {"date", "host"};
  Request request;
  request.headers = {{"Host", "h"}, {"Date", "Sun, 30 Aug 2015 12:36:00 GMT"}};
  const std::vector<HeaderField> fields = request.fields();
  const CredentialScope scope{"20150830", "us-east-1", "bedrock"};
  const std::string canonical = canonical_request({request.method, request.path, "", fields}, "", names,
                                                  sha256_hex("{}"), PathStyle::twice_normalised);
  const std::string value =
      signature(signing_key(kSecret, scope), string_to_sign("20150830T123600Z", scope, canonical));
  request.headers.emplace_back("Authorization", "AWS4-HMAC-SHA256 Credential=" + std::string(kId) + "/" +
                                                    scope.text() +
                                                    ",SignedHeaders=date;host,Signature=" + value);
  const auto identity = verify(request);
  EXPECT_TRUE(identity) << identity.error().message;
}

TEST(VerifySignature, WantsTheHostAndEveryAmzHeaderSigned) {
  Request request = signed_request();
  request.headers.emplace_back("x-amz-meta-Owner", "me");
  expect_refused(verify(request), SigV4Problem::unsigned_header, "x-amz-meta-owner");
  request = signed_request();
  request.drop("Content-Type");
  expect_refused(verify(request), SigV4Problem::missing_header, "content-type");
  request = signed_request();
  std::string& text = request.header("Authorization");
  text.replace(text.find("content-type;host"), 17, "content-type");
  expect_refused(verify(request), SigV4Problem::unsigned_header, "host");
  request = signed_request();
  request.headers.emplace_back("x-amzn-trace-id", "Root=1");
  EXPECT_TRUE(verify(request)) << "proxies add this one, which is not x-amz-";
}

TEST(VerifySignature, WantsSignedHeadersInTheirForm) {
  for (const char* names : {"host;content-type;x-amz-date", "Content-Type;host;x-amz-date",
                            "host;host;x-amz-date", "content-type;;host;x-amz-date", ""}) {
    Request request = signed_request();
    std::string& text = request.header("Authorization");
    const std::string_view signed_names = "content-type;host;x-amz-date";
    text.replace(text.find(signed_names), signed_names.size(), names);
    expect_refused(verify(request), SigV4Problem::incomplete_signature, "SignedHeaders");
  }
}

TEST(VerifySignature, RefusesTwoHosts) {
  Request request = signed_request();
  request.headers.emplace_back(":authority", "elsewhere");
  expect_refused(verify(request), SigV4Problem::unsigned_header, "host");
  request = signed_request();
  request.headers.emplace_back(":authority", "localhost:8484");
  EXPECT_TRUE(verify(request));
  Request twice;
  twice.headers.emplace_back("host", "localhost:8484");
  expect_refused(verify(signed_request(bedrock_signing(), twice)), SigV4Problem::unsigned_header, "host");
}

TEST(VerifySignature, HoldsTheBodyAgainstWhatIsDeclared) {
  Request request = signed_request();
  request.body = "{ }";
  expect_refused(verify(request), SigV4Problem::signature_mismatch, "Signature");
  request = signed_request(s3_signing(sha256_hex("{}")));
  request.body = "{ }";
  expect_refused(verify(request), SigV4Problem::payload_mismatch, "x-amz-content-sha256");
  const auto before_body = verify(request, kNow, /*body_read=*/false);
  ASSERT_TRUE(before_body);
  EXPECT_EQ(before_body->payload_sha256, sha256_hex("{}")) << "for the caller to hold the body against";
  expect_refused(verify(signed_request(), kNow, /*body_read=*/false), SigV4Problem::missing_payload_hash,
                 "x-amz-content-sha256");
}

TEST(VerifySignature, TellsWhichMarkerStandsForTheBody) {
  for (const PayloadKind kind :
       {PayloadKind::unsigned_payload, PayloadKind::streaming_signed, PayloadKind::streaming_signed_trailer,
        PayloadKind::streaming_unsigned_trailer}) {
    const auto identity = verify(signed_request(s3_signing(payload_marker(kind))));
    ASSERT_TRUE(identity) << identity.error().message;
    EXPECT_EQ(identity->payload, kind);
    EXPECT_EQ(identity->payload_sha256, "");
  }
  const auto presigned = verify(presigned_request(s3_signing("UNSIGNED-PAYLOAD")));
  ASSERT_TRUE(presigned) << presigned.error().message;
  EXPECT_EQ(presigned->payload, PayloadKind::unsigned_payload);
}

TEST(VerifySignature, AllowsMarkersWhereTheRulesDo) {
  SigningOptions options = bedrock_signing();
  options.payload_hash = "UNSIGNED-PAYLOAD";
  options.add_payload_header = true;
  expect_refused(verify(signed_request(options)), SigV4Problem::payload_not_allowed, "x-amz-content-sha256");
  const Request s3 = signed_request(s3_signing("UNSIGNED-PAYLOAD"));
  expect_refused(verify(s3, kNow, /*body_read=*/true, /*allow_unsigned_payload=*/false),
                 SigV4Problem::payload_not_allowed, "x-amz-content-sha256");
  const Request chunked = signed_request(s3_signing("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"));
  EXPECT_TRUE(verify(chunked, kNow, /*body_read=*/true, /*allow_unsigned_payload=*/false));
  Request broken = signed_request(s3_signing(sha256_hex("{}")));
  broken.header("x-amz-content-sha256") = "E3B0";
  expect_refused(verify(broken), SigV4Problem::invalid_payload_hash, "x-amz-content-sha256");
}

// The SDK for JavaScript moves the header into the query of an URL that it presigns for S3.
TEST(VerifySignature, FindsTheDeclaredPayloadOfAPresignedRequestInItsQuery) {
  Request request;
  request.query = "X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&x-id=GetObject";
  const auto identity = verify(presigned_request(s3_signing("UNSIGNED-PAYLOAD"), request));
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(identity->payload, PayloadKind::unsigned_payload);
}

TEST(VerifySignature, RefusesEverySingleChange) {
  Request signed_form = signed_request(bedrock_signing(), {.query = "a=1&b=2"});
  ASSERT_TRUE(verify(signed_form));
  const auto refused = [&](const std::function<void(Request&)>& change) {
    Request request = signed_form;
    change(request);
    EXPECT_FALSE(verify(request));
  };
  refused([](Request& r) { r.method = "PUT"; });
  refused([](Request& r) { r.path += "/"; });
  refused([](Request& r) { r.path = "/model/m/converse-stream"; });
  refused([](Request& r) { r.query = "a=1&b=3"; });
  refused([](Request& r) { r.query = "a=1"; });
  refused([](Request& r) { r.query += "&c"; });
  refused([](Request& r) { r.query = "a=2&b=1"; });
  refused([](Request& r) { r.header("Host") = "localhost"; });
  refused([](Request& r) { r.header("Content-Type") = "text/plain"; });
  refused([](Request& r) { r.header("X-Amz-Date") = "20150830T123601Z"; });
  refused([](Request& r) { r.body += " "; });
  const std::size_t digits = signed_form.header("Authorization").size();
  for (std::size_t digit = 1; digit <= 64; ++digit)
    refused([&](Request& r) {
      char& c = r.header("Authorization")[digits - digit];
      c = c == '0' ? '1' : '0';
    });
}

TEST(VerifySignature, TakesWhatMeansTheSame) {
  Request request = signed_request(bedrock_signing(), {.query = "a=%2F&b=2"});
  request.query = "b=2&a=/";
  request.header("Content-Type") = "  application/json ";
  std::ranges::reverse(request.headers);
  EXPECT_TRUE(verify(request));
}

TEST(VerifySignature, ShowsWhatItSigned) {
  Request request = signed_request();
  request.method = "PUT";
  const auto refused = verify(request);
  expect_refused(refused, SigV4Problem::signature_mismatch, "Signature");
  EXPECT_TRUE(refused.error().canonical_request.starts_with(
      "PUT\n/model/m/converse\n\ncontent-type:application/json\n"));
  EXPECT_TRUE(
      refused.error().string_to_sign.starts_with("AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/"));
  EXPECT_EQ(refused.error().canonical_request.find(kSecret), std::string::npos);
}

TEST(Sign, RefusesWhatCannotBeSigned) {
  const std::vector<HeaderField> no_host = {{"Content-Type", "text/plain"}};
  EXPECT_EQ(sign_headers({"GET", "/", "", no_host}, {kId, kSecret}, bedrock_signing()).error().code,
            Code::invalid_argument);
  const std::vector<HeaderField> dated = {{"Host", "h"}, {"x-amz-date", "20150830T123600Z"}};
  EXPECT_EQ(sign_headers({"GET", "/", "", dated}, {kId, kSecret}, bedrock_signing()).error().code,
            Code::invalid_argument);
  const std::vector<HeaderField> host = {{"Host", "h"}};
  SigningOptions options = bedrock_signing();
  options.expires = std::chrono::days(8);
  EXPECT_EQ(presign_query({"GET", "/", "", host}, {kId, kSecret}, options).error().code,
            Code::invalid_argument);
  options.payload_hash = "none";
  EXPECT_EQ(sign_headers({"GET", "/", "", host}, {kId, kSecret}, options).error().code, Code::invalid_argument);
}

TEST(Sign, LeavesHeadersThatProxiesChange) {
  Request request;
  request.headers.emplace_back("User-Agent", "a");
  request.headers.emplace_back("Connection", "keep-alive");
  request = signed_request(bedrock_signing(), request);
  request.header("User-Agent") = "b";
  request.drop("Connection");
  EXPECT_TRUE(verify(request));
}

}  // namespace
}  // namespace outcrop::crypto
