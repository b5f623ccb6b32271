#include "crypto/sigv4_verify.h"

#include "crypto/amz_date.h"
#include "crypto/hex.h"
#include "crypto/sigv4/claims.h"
#include "crypto/sigv4/header_index.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace outcrop::crypto {
namespace {

using sigv4::Claims;
using sigv4::HeaderIndex;

tl::unexpected<SigV4Error> refuse(SigV4Problem problem, const Claims& claims, std::string_view field,
                                  std::string message) {
  return tl::unexpected(
      SigV4Error{problem, std::string(field), std::move(message), claims.presigned, claims.signed_at});
}

SigV4Result<void> check_scope(const Claims& claims, const VerifyOptions& options) {
  const auto wrong = [&claims](std::string_view field, std::string_view given, std::string_view wanted) {
    return refuse(SigV4Problem::wrong_scope, claims, field,
                  fmt::format("the credential's {} is '{}', expected '{}'", field, given, wanted));
  };
  if (claims.terminator != kSigV4Terminator) return wrong("terminator", claims.terminator, kSigV4Terminator);
  const std::string day = claims.amz_date.substr(0, 8);
  if (claims.scope.day != day) return wrong("day", claims.scope.day, day);
  if (!options.region.empty() && claims.scope.region != options.region)
    return wrong("region", claims.scope.region, options.region);
  return {};
}

SigV4Result<void> check_time(const Claims& claims, const ServiceRules& rules, std::chrono::sys_seconds now) {
  if (claims.presigned) {
    if (claims.signed_at > now + rules.skew)
      return refuse(
          SigV4Problem::not_yet_valid, claims, "X-Amz-Date",
          fmt::format("the request is valid from {}, now is {}", claims.amz_date, format_amz_date(now)));
    if (now > claims.signed_at + claims.expires)
      return refuse(SigV4Problem::expired, claims, "X-Amz-Expires",
                    fmt::format("the request was valid until {}, now is {}",
                                format_amz_date(claims.signed_at + claims.expires), format_amz_date(now)));
    return {};
  }
  if (claims.signed_at > now + rules.skew || claims.signed_at < now - rules.skew)
    return refuse(SigV4Problem::skewed, claims, "X-Amz-Date",
                  fmt::format("the request was signed at {}, now is {}; at most {} s may lie between",
                              claims.amz_date, format_amz_date(now), rules.skew.count()));
  return {};
}

/// The host and every x-amz-* header must be signed, and every signed header be there.
SigV4Result<void> check_headers(const Claims& claims, const HeaderIndex& headers) {
  const auto is_signed = [&claims](std::string_view name) {
    return std::ranges::binary_search(claims.signed_headers, name, std::less<>());
  };
  if (!is_signed("host") && !is_signed(":authority"))
    return refuse(SigV4Problem::unsigned_header, claims, "host", "the header host must be signed");
  for (const auto& [name, entry] : headers.entries())
    if (name.starts_with("x-amz-") && !is_signed(name))
      return refuse(SigV4Problem::unsigned_header, claims, name,
                    fmt::format("the header {} must be signed", name));
  for (const std::string& name : claims.signed_headers)
    if (headers.find(name) == nullptr)
      return refuse(SigV4Problem::missing_header, claims, name,
                    fmt::format("the header {} is signed, and the request does not have it", name));
  const auto host = headers.entries().find("host");
  const auto authority = headers.entries().find(":authority");
  if (host != headers.entries().end() && authority != headers.entries().end() &&
      host->second.value != authority->second.value)
    return refuse(SigV4Problem::unsigned_header, claims, "host", "host and :authority are different");
  if (const HeaderIndex::Entry* entry = headers.find("host"); entry->count > 1)
    return refuse(SigV4Problem::unsigned_header, claims, "host", "the header host is there twice");
  return {};
}

/// What stands for the body in the canonical request.
SigV4Result<std::string> payload_of(const Claims& claims, const ServiceRules& rules,
                                    const VerifyOptions& options) {
  if (!claims.payload_hash) {
    if (claims.presigned && rules.payload_markers)
      return std::string(payload_marker(PayloadKind::unsigned_payload));
    if (options.body_sha256) return std::string(*options.body_sha256);
    return refuse(SigV4Problem::missing_payload_hash, claims, "x-amz-content-sha256",
                  "the header x-amz-content-sha256 is missing");
  }
  const std::optional<PayloadKind> kind = payload_kind(*claims.payload_hash);
  if (!kind)
    return refuse(SigV4Problem::invalid_payload_hash, claims, "x-amz-content-sha256",
                  "x-amz-content-sha256 is neither 64 lower-case hexadecimal digits nor a known marker");
  const bool is_unsigned =
      *kind == PayloadKind::unsigned_payload || *kind == PayloadKind::streaming_unsigned_trailer;
  if (*kind != PayloadKind::hashed && !rules.payload_markers)
    return refuse(SigV4Problem::payload_not_allowed, claims, "x-amz-content-sha256",
                  fmt::format("{} does not take {}", rules.name, *claims.payload_hash));
  if (is_unsigned && !claims.presigned && !options.allow_unsigned_payload)
    return refuse(SigV4Problem::payload_not_allowed, claims, "x-amz-content-sha256",
                  fmt::format("{} needs an encrypted connection", *claims.payload_hash));
  if (*kind == PayloadKind::hashed && options.body_sha256 && *claims.payload_hash != *options.body_sha256)
    return refuse(SigV4Problem::payload_mismatch, claims, "x-amz-content-sha256",
                  fmt::format("x-amz-content-sha256 is {}, the body's SHA-256 is {}", *claims.payload_hash,
                              *options.body_sha256));
  return *claims.payload_hash;
}

SigV4Result<SignedIdentity> check_signature(const SignableRequest& request, const Claims& claims,
                                            const ServiceRules& rules, const std::string& payload,
                                            const Secret& secret) {
  const std::string query = canonical_query(request.query, claims.presigned ? "X-Amz-Signature" : "");
  std::string canonical = canonical_request(request, query, claims.signed_headers, payload, rules.path);
  std::string text = string_to_sign(claims.amz_date, claims.scope, canonical);
  Secret key = signing_key(secret.view(), claims.scope);
  if (!equal_in_constant_time(signature(key, text), claims.signature)) {
    tl::unexpected<SigV4Error> error = refuse(SigV4Problem::signature_mismatch, claims, "Signature",
                                              "the signature is not that of the request");
    error.value().canonical_request = std::move(canonical);
    error.value().string_to_sign = std::move(text);
    return error;
  }
  const PayloadKind kind = payload_kind(payload).value_or(PayloadKind::hashed);
  return SignedIdentity{.access_key_id = claims.access_key_id,
                        .scope = claims.scope,
                        .amz_date = claims.amz_date,
                        .signed_at = claims.signed_at,
                        .presigned = claims.presigned,
                        .payload = kind,
                        .payload_sha256 = kind == PayloadKind::hashed ? payload : std::string(),
                        .signature = claims.signature,
                        .signing_key = std::move(key)};
}

}  // namespace

SigV4Result<SignedIdentity> verify_signature(const SignableRequest& request, const VerifyOptions& options,
                                             const SecretLookup& lookup) {
  const HeaderIndex headers(request.headers);
  SigV4Result<Claims> claims = sigv4::read_claims(request, headers);
  if (!claims) return tl::unexpected(std::move(claims).error());

  SigV4Result<void> checked = check_scope(*claims, options);
  if (!checked) return tl::unexpected(std::move(checked).error());
  const auto rules = std::ranges::find(options.services, claims->scope.service, &ServiceRules::name);
  if (rules == options.services.end())
    return refuse(SigV4Problem::wrong_scope, *claims, "service",
                  fmt::format("the credential's service '{}' is none of this door", claims->scope.service));
  checked = check_time(*claims, *rules, options.now);
  if (checked) checked = check_headers(*claims, headers);
  if (!checked) return tl::unexpected(std::move(checked).error());
  SigV4Result<std::string> payload = payload_of(*claims, *rules, options);
  if (!payload) return tl::unexpected(std::move(payload).error());

  const std::optional<Secret> secret = lookup(claims->access_key_id, claims->session_token);
  if (!secret)
    return refuse(
        SigV4Problem::unknown_key, *claims, "Credential",
        fmt::format("no access key '{}' is known, or its session token is another", claims->access_key_id));
  return check_signature(request, *claims, *rules, *payload, *secret);
}

}  // namespace outcrop::crypto
