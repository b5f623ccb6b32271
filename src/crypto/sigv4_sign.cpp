#include "crypto/sigv4_sign.h"

#include "crypto/amz_date.h"
#include "crypto/sigv4/header_index.h"
#include "crypto/uri.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace outcrop::crypto {
namespace {

constexpr std::chrono::seconds kLongestExpiry = std::chrono::days(7);

/// Hop-by-hop headers and others that a proxy may change or add.
constexpr std::array<std::string_view, 14> kNeverSigned = {
    "baggage",    "connection",     "expect",     "keep-alive", "proxy-authenticate", "proxy-authorization",
    "te",         "traceparent",    "tracestate", "trailer",    "transfer-encoding",  "upgrade",
    "user-agent", "x-amzn-trace-id"};

/// What signing itself puts into a request.
constexpr std::array<std::string_view, 4> kAdded = {"authorization", "x-amz-date", "x-amz-security-token",
                                                    "x-amz-content-sha256"};

Status check(const SignableRequest& request, const SigningCredentials& credentials,
             const SigningOptions& options) {
  const sigv4::HeaderIndex headers(request.headers);
  if (headers.find("host") == nullptr)
    return fail(Code::invalid_argument, "a request to sign has no host header");
  for (const std::string_view name : kAdded)
    if (headers.find(name) != nullptr)
      return fail(Code::invalid_argument, fmt::format("a request to sign already has the header {}", name));
  if (!payload_kind(options.payload_hash))
    return fail(
        Code::invalid_argument,
        fmt::format("payload hash '{}' is neither 64 hexadecimal digits nor a marker", options.payload_hash));
  if (credentials.access_key_id.empty() || options.region.empty() || options.service.empty())
    return fail(Code::invalid_argument, "signing needs an access key id, a region and a service");
  return {};
}

std::vector<std::string> names_to_sign(std::span<const HeaderField> headers) {
  std::vector<std::string> names;
  for (const HeaderField& header : headers) {
    std::string name = sigv4::lower_case(header.name);
    if (std::ranges::find(kNeverSigned, name) == kNeverSigned.end()) names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

Signature start(const SigningOptions& options) {
  Signature signature;
  signature.amz_date = format_amz_date(options.time);
  signature.scope = {signature.amz_date.substr(0, 8), std::string(options.region),
                     std::string(options.service)};
  return signature;
}

void finish(Signature& result, const SigningCredentials& credentials) {
  result.string_to_sign = string_to_sign(result.amz_date, result.scope, result.canonical_request);
  result.value = signature(signing_key(credentials.secret_access_key, result.scope), result.string_to_sign);
}

}  // namespace

Result<SignedHeaders> sign_headers(const SignableRequest& request, const SigningCredentials& credentials,
                                   const SigningOptions& options) {
  OUTCROP_CHECK_OK(check(request, credentials, options));
  SignedHeaders result{start(options), {}};
  const bool token = !credentials.session_token.empty();
  if (token) result.added.push_back({"X-Amz-Security-Token", std::string(credentials.session_token)});
  result.added.push_back({"X-Amz-Date", result.amz_date});
  if (options.add_payload_header)
    result.added.push_back({"x-amz-content-sha256", std::string(options.payload_hash)});

  std::vector<HeaderField> headers(request.headers.begin(), request.headers.end());
  for (const SignedHeaders::Field& field : result.added)
    if (options.sign_session_token || field.name != "X-Amz-Security-Token")
      headers.push_back({field.name, field.value});
  SignableRequest whole = request;
  whole.headers = headers;
  const std::vector<std::string> names = names_to_sign(headers);
  result.canonical_request =
      canonical_request(whole, canonical_query(request.query), names, options.payload_hash, options.path);
  finish(result, credentials);
  result.added.push_back(
      {"Authorization",
       fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kSigV4Algorithm,
                   credentials.access_key_id, result.scope.text(), fmt::join(names, ";"), result.value)});
  return result;
}

Result<SignedQuery> presign_query(const SignableRequest& request, const SigningCredentials& credentials,
                                  const SigningOptions& options) {
  OUTCROP_CHECK_OK(check(request, credentials, options));
  if (options.expires.count() < 1 || options.expires > kLongestExpiry)
    return fail(Code::invalid_argument, fmt::format("a presigned request lives 1 to {} seconds, not {}",
                                                    kLongestExpiry.count(), options.expires.count()));
  SignedQuery result{start(options), std::string(request.query)};
  const std::vector<std::string> names = names_to_sign(request.headers);
  const auto add = [&result](std::string_view name, std::string_view value) {
    if (!result.query.empty()) result.query += '&';
    result.query += fmt::format("{}={}", name, percent_encode(value));
  };
  add("X-Amz-Algorithm", kSigV4Algorithm);
  add("X-Amz-Credential", fmt::format("{}/{}", credentials.access_key_id, result.scope.text()));
  add("X-Amz-Date", result.amz_date);
  add("X-Amz-SignedHeaders", fmt::format("{}", fmt::join(names, ";")));
  add("X-Amz-Expires", std::to_string(options.expires.count()));
  const std::string without_token = result.query;
  if (!credentials.session_token.empty()) add("X-Amz-Security-Token", credentials.session_token);

  result.canonical_request =
      canonical_request(request, canonical_query(options.sign_session_token ? result.query : without_token),
                        names, options.payload_hash, options.path);
  finish(result, credentials);
  add("X-Amz-Signature", result.value);
  return result;
}

}  // namespace outcrop::crypto
