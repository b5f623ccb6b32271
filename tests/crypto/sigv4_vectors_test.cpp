// The signing test suite of aws-c-auth: for each request the canonical request, the string to sign, the
// signature and the signed request, in both forms. OUTCROP_SIGV4_VECTORS (a CMake cache variable) is its
// folder.

#include "base/files.h"
#include "crypto/amz_date.h"
#include "crypto/request_text.h"
#include "crypto/sha256.h"
#include "crypto/sigv4_sign.h"
#include "crypto/sigv4_verify.h"
#include "json/json.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace outcrop::crypto {
namespace {

struct Vector {
  Path folder;
  RequestText request;
  std::string access_key_id, secret, token, region, service, payload;
  std::chrono::sys_seconds time;
  std::chrono::seconds expires;
  PathStyle path = PathStyle::once;
  bool sign_body = false, sign_token = true;

  std::string text(std::string_view name) const { return *read_file(folder / name); }

  SigningCredentials credentials() const { return {access_key_id, secret, token}; }

  SigningOptions options() const {
    return {.region = region,
            .service = service,
            .time = time,
            .payload_hash = payload,
            .path = path,
            .add_payload_header = sign_body,
            .sign_session_token = sign_token,
            .expires = expires};
  }
};

Vector load(const Path& folder) {
  const Json context = *Json::parse(*read_file(folder / "context.json"));
  const Json& credentials = context["credentials"];
  std::string time(context["timestamp"].as_string().value());
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  const RequestText request = RequestText::parse(*read_file(folder / "request.txt"));
  return {.folder = folder,
          .request = request,
          .access_key_id = std::string(credentials["access_key_id"].as_string().value()),
          .secret = std::string(credentials["secret_access_key"].as_string().value()),
          .token = std::string(credentials["token"].as_string().value_or("")),
          .region = std::string(context["region"].as_string().value()),
          .service = std::string(context["service"].as_string().value()),
          .payload = sha256_hex(request.body),
          .time = parse_amz_date(time).value(),
          .expires = std::chrono::seconds(context["expiration_in_seconds"].as_int().value()),
          .path = context["normalize"].as_bool().value() ? PathStyle::twice_normalised : PathStyle::once,
          .sign_body = context["sign_body"].as_bool().value(),
          .sign_token = !context["omit_session_token"].as_bool().value_or(false)};
}

SignableRequest signable(const RequestText& request, const std::vector<HeaderField>& headers) {
  return {request.method, request.path, request.query, headers};
}

/// The vectors are not part of a checkout: their absence is an error only beside the folder that should have
/// them.
class SigV4Vectors : public testing::Test {
 protected:
  void SetUp() override {
    const Path folder = OUTCROP_SIGV4_VECTORS;
    if (!std::filesystem::exists(folder.parent_path().parent_path()))
      GTEST_SKIP() << folder
                   << " is not there: set OUTCROP_SIGV4_VECTORS to aws-c-auth's v4 signing test suite";
    ASSERT_TRUE(std::filesystem::is_directory(folder)) << folder;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      vectors_.push_back(load(entry.path()));
    ASSERT_EQ(vectors_.size(), 38U);
  }

  void for_each(const std::function<void(const Vector&)>& check) const {
    for (const Vector& vector : vectors_) {
      SCOPED_TRACE(vector.folder.filename());
      check(vector);
    }
  }

 private:
  std::vector<Vector> vectors_;
};

void expect_stages(const Vector& vector, const Signature& signature, const std::string& form) {
  EXPECT_EQ(signature.canonical_request, vector.text(form + "-canonical-request.txt"));
  EXPECT_EQ(signature.string_to_sign, vector.text(form + "-string-to-sign.txt"));
  EXPECT_EQ(signature.value, vector.text(form + "-signature.txt"));
}

TEST_F(SigV4Vectors, SignByHeader) {
  for_each([](const Vector& vector) {
    const std::vector<HeaderField> headers = vector.request.headers();
    const auto result = sign_headers(signable(vector.request, headers), vector.credentials(), vector.options());
    ASSERT_TRUE(result) << result.error().message;
    expect_stages(vector, *result, "header");
    const std::string& query = vector.request.query;
    std::string text = vector.request.method + " " + vector.request.path + (query.empty() ? "" : "?") + query +
                       " HTTP/1.1\n" + vector.request.header_lines;
    for (const auto& [name, value] : result->added) text.append(name).append(":").append(value).append("\n");
    EXPECT_EQ(text + "\n" + vector.request.body, vector.text("header-signed-request.txt"));
  });
}

TEST_F(SigV4Vectors, SignByQuery) {
  for_each([](const Vector& vector) {
    const std::vector<HeaderField> headers = vector.request.headers();
    const auto result =
        presign_query(signable(vector.request, headers), vector.credentials(), vector.options());
    ASSERT_TRUE(result) << result.error().message;
    expect_stages(vector, *result, "query");
    EXPECT_EQ(vector.request.method + " " + vector.request.path + "?" + result->query + " HTTP/1.1\n" +
                  vector.request.header_lines + "\n" + vector.request.body,
              vector.text("query-signed-request.txt"));
  });
}

SigV4Result<SignedIdentity> verify(const Vector& vector, const char* file) {
  const RequestText request = RequestText::parse(vector.text(file));
  const std::vector<HeaderField> headers = request.headers();
  const std::string body = sha256_hex(request.body);
  const ServiceRules rules{.name = vector.service, .path = vector.path};
  return verify_signature(
      signable(request, headers),
      {.now = vector.time, .region = vector.region, .services = {&rules, 1}, .body_sha256 = body},
      [&vector](std::string_view id, std::string_view token) -> std::optional<Secret> {
        if (id != vector.access_key_id || token != vector.token) return std::nullopt;
        return Secret(vector.secret);
      });
}

TEST_F(SigV4Vectors, VerifyWhereTheTokenIsSigned) {
  for_each([](const Vector& vector) {
    for (const char* file : {"header-signed-request.txt", "query-signed-request.txt"}) {
      const auto identity = verify(vector, file);
      if (vector.sign_token) {
        ASSERT_TRUE(identity) << file << ": " << identity.error().message;
        EXPECT_EQ(identity->access_key_id, vector.access_key_id);
      } else {
        ASSERT_FALSE(identity) << file << ": an unsigned session token may be anybody's";
      }
    }
  });
}

}  // namespace
}  // namespace outcrop::crypto
