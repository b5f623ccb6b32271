#include "crypto/sigv4.h"

#include "crypto/hex.h"
#include "crypto/hmac.h"
#include "crypto/sha256.h"
#include "crypto/sigv4/header_index.h"
#include "crypto/uri.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace outcrop::crypto {
namespace {

constexpr std::array<std::string_view, 5> kMarkers = {
    "", "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER"};

constexpr std::string_view kWhiteSpace = " \t\r\n\v\f";

}  // namespace

std::string CredentialScope::text() const {
  return fmt::format("{}/{}/{}/{}", day, region, service, kSigV4Terminator);
}

std::string_view payload_marker(PayloadKind kind) noexcept {
  return kMarkers[static_cast<std::size_t>(kind)];
}

std::optional<PayloadKind> payload_kind(std::string_view text) noexcept {
  if (is_hex_sha256(text)) return PayloadKind::hashed;
  const auto* const marker = std::find(kMarkers.begin() + 1, kMarkers.end(), text);
  if (marker == kMarkers.end()) return std::nullopt;
  return static_cast<PayloadKind>(marker - kMarkers.begin());
}

std::string canonical_path(std::string_view path, PathStyle style) {
  if (style == PathStyle::twice_normalised) return percent_encode(normalise_path(path), Slashes::keep);
  return path.empty() ? "/" : percent_complete(path);
}

std::string canonical_query(std::string_view query, std::string_view without) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    const std::string name = percent_decode(pair.substr(0, equals));
    if (!without.empty() && name == without) continue;
    const std::string_view value = equals == std::string_view::npos ? "" : pair.substr(equals + 1);
    parameters.emplace_back(percent_encode(name), percent_encode(percent_decode(value)));
  }
  std::ranges::sort(parameters);
  std::string canonical;
  for (const auto& [name, value] : parameters) {
    if (!canonical.empty()) canonical += '&';
    canonical += name;
    canonical += '=';
    canonical += value;
  }
  return canonical;
}

std::string canonical_header_value(std::string_view value) {
  std::string canonical;
  canonical.reserve(value.size());
  while (true) {
    const std::size_t begin = value.find_first_not_of(kWhiteSpace);
    if (begin == std::string_view::npos) return canonical;
    const std::size_t end = std::min(value.find_first_of(kWhiteSpace, begin), value.size());
    if (!canonical.empty()) canonical += ' ';
    canonical += value.substr(begin, end - begin);
    value.remove_prefix(end);
  }
}

std::string canonical_request(const SignableRequest& request, std::string_view query,
                              std::span<const std::string> signed_headers, std::string_view payload_hash,
                              PathStyle style) {
  const sigv4::HeaderIndex headers(request.headers);
  std::string text = fmt::format("{}\n{}\n{}\n", request.method, canonical_path(request.path, style), query);
  for (const std::string& name : signed_headers) {
    const sigv4::HeaderIndex::Entry* const header = headers.find(name);
    text += fmt::format("{}:{}\n", name, header == nullptr ? "" : header->value);
  }
  text += fmt::format("\n{}\n{}", fmt::join(signed_headers, ";"), payload_hash);
  return text;
}

std::string string_to_sign(std::string_view amz_date, const CredentialScope& scope,
                           std::string_view canonical_request) {
  return fmt::format("{}\n{}\n{}\n{}", kSigV4Algorithm, amz_date, scope.text(), sha256_hex(canonical_request));
}

Secret signing_key(std::string_view secret_access_key, const CredentialScope& scope) {
  std::string seed = "AWS4";
  seed += secret_access_key;
  HmacSha256::Value key = hmac_sha256(seed, scope.day);
  wipe(std::as_writable_bytes(std::span(seed)));
  for (const std::string_view part :
       {std::string_view(scope.region), std::string_view(scope.service), kSigV4Terminator})
    key = hmac_sha256(text_of(key), part);
  Secret secret(key);
  wipe(key);
  return secret;
}

std::string signature(const Secret& signing_key, std::string_view string_to_sign) {
  return to_hex(hmac_sha256(signing_key.view(), string_to_sign));
}

}  // namespace outcrop::crypto
