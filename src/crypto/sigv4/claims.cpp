#include "crypto/sigv4/claims.h"

#include "crypto/amz_date.h"
#include "crypto/hex.h"
#include "crypto/uri.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <utility>

#include <fmt/format.h>

namespace outcrop::crypto::sigv4 {
namespace {

constexpr std::chrono::seconds kLongestExpiry = std::chrono::days(7);

using Parameters = std::map<std::string, std::vector<std::string>, std::less<>>;

tl::unexpected<SigV4Error> refuse(SigV4Problem problem, std::string_view field, std::string message) {
  return tl::unexpected(SigV4Error{problem, std::string(field), std::move(message)});
}

tl::unexpected<SigV4Error> incomplete(std::string_view field, std::string_view what) {
  return refuse(SigV4Problem::incomplete_signature, field, fmt::format("{} {}", field, what));
}

/// The parameters of the query whose names begin with "X-Amz-", decoded.
Parameters amz_parameters(std::string_view query) {
  Parameters parameters;
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    const std::size_t equals = pair.find('=');
    std::string name = percent_decode(pair.substr(0, equals));
    if (!name.starts_with("X-Amz-")) continue;
    const std::string_view value = equals == std::string_view::npos ? "" : pair.substr(equals + 1);
    parameters[std::move(name)].push_back(percent_decode(value));
  }
  return parameters;
}

/// ACCESS-KEY-ID/DAY/REGION/SERVICE/TERMINATOR, where the key id may have slashes of its own.
SigV4Result<void> read_credential(std::string_view text, Claims& claims) {
  std::string* const parts[] = {&claims.terminator, &claims.scope.service, &claims.scope.region,
                                &claims.scope.day};
  for (std::string* part : parts) {
    const std::size_t slash = text.rfind('/');
    if (slash == std::string_view::npos)
      return incomplete("Credential", "is not ACCESS-KEY-ID/DAY/REGION/SERVICE/aws4_request");
    *part = text.substr(slash + 1);
    text = text.substr(0, slash);
  }
  if (text.empty()) return incomplete("Credential", "has no access key id");
  claims.access_key_id = text;
  return {};
}

SigV4Result<void> read_signed_headers(std::string_view text, Claims& claims) {
  while (true) {
    const std::size_t end = text.find(';');
    claims.signed_headers.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  for (const std::string& name : claims.signed_headers)
    if (name.empty() || name != lower_case(name))
      return incomplete("SignedHeaders", "has an empty or an upper-case name");
  if (std::ranges::adjacent_find(claims.signed_headers, std::greater_equal<>()) != claims.signed_headers.end())
    return incomplete("SignedHeaders", "is not sorted, or names a header twice");
  return {};
}

SigV4Result<void> read_signature(std::string_view text, Claims& claims) {
  if (!is_hex_sha256(text)) return incomplete("Signature", "is not 64 lower-case hexadecimal digits");
  claims.signature = text;
  return {};
}

/// Credential=..., SignedHeaders=..., Signature=... in any order, each once.
SigV4Result<void> read_authorization(std::string_view text, Claims& claims) {
  struct Part {
    std::string_view name;
    SigV4Result<void> (*read)(std::string_view, Claims&);
    bool seen = false;
  };
  Part parts[] = {
      {"Credential", read_credential}, {"SignedHeaders", read_signed_headers}, {"Signature", read_signature}};
  while (!text.empty()) {
    const std::size_t end = text.find(',');
    std::string_view item = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    item.remove_prefix(std::min(item.find_first_not_of(' '), item.size()));
    item = item.substr(0, item.find_last_not_of(' ') + 1);
    const std::size_t equals = item.find('=');
    Part* const part = std::ranges::find(parts, item.substr(0, equals), &Part::name);
    if (equals == std::string_view::npos || part == std::end(parts))
      return incomplete("Authorization", "has a part that is not Credential, SignedHeaders or Signature");
    if (std::exchange(part->seen, true)) return incomplete(part->name, "is there twice");
    if (SigV4Result<void> read = part->read(item.substr(equals + 1), claims); !read) return read;
  }
  for (const Part& part : parts)
    if (!part.seen) return incomplete(part.name, "is missing from the Authorization header");
  return {};
}

/// X-Amz-Date, or Date where that is missing.
SigV4Result<void> read_header_date(const HeaderIndex& headers, Claims& claims) {
  const HeaderIndex::Entry* date = headers.find("x-amz-date");
  const std::string_view name = date != nullptr ? "X-Amz-Date" : "Date";
  if (date == nullptr) date = headers.find("date");
  if (date == nullptr) return incomplete("X-Amz-Date", "is missing, and so is Date");
  std::optional<std::chrono::sys_seconds> time = parse_amz_date(date->value);
  if (!time && name == "Date") time = parse_http_date(date->value);
  if (!time) return incomplete(name, "is not a time like 20150830T123600Z");
  claims.signed_at = *time;
  claims.amz_date = format_amz_date(*time);
  return {};
}

SigV4Result<void> read_header_form(std::string_view authorization, const HeaderIndex& headers, Claims& claims) {
  const std::size_t space = std::min(authorization.find(' '), authorization.size());
  if (authorization.substr(0, space) != kSigV4Algorithm)
    return refuse(SigV4Problem::unsupported_algorithm, "Authorization",
                  fmt::format("the only way to sign a request is {}", kSigV4Algorithm));
  if (SigV4Result<void> read = read_authorization(authorization.substr(space), claims); !read) return read;
  if (SigV4Result<void> read = read_header_date(headers, claims); !read) return read;
  if (const HeaderIndex::Entry* token = headers.find("x-amz-security-token"); token != nullptr)
    claims.session_token = token->value;
  return {};
}

SigV4Result<void> read_expiry(std::string_view text, Claims& claims) {
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size() || seconds < 1 ||
      seconds > kLongestExpiry.count())
    return incomplete("X-Amz-Expires",
                      fmt::format("is not a number of seconds from 1 to {}", kLongestExpiry.count()));
  claims.expires = std::chrono::seconds(seconds);
  return {};
}

SigV4Result<void> read_query_date(std::string_view text, Claims& claims) {
  const std::optional<std::chrono::sys_seconds> time = parse_amz_date(text);
  if (!time) return incomplete("X-Amz-Date", "is not a time like 20150830T123600Z");
  claims.signed_at = *time;
  claims.amz_date = text;
  return {};
}

SigV4Result<void> read_query_form(const Parameters& parameters, Claims& claims) {
  struct Part {
    std::string_view name;
    SigV4Result<void> (*read)(std::string_view, Claims&);
  };
  constexpr Part kParts[] = {{"X-Amz-Credential", read_credential},
                             {"X-Amz-Date", read_query_date},
                             {"X-Amz-Expires", read_expiry},
                             {"X-Amz-SignedHeaders", read_signed_headers},
                             {"X-Amz-Signature", read_signature}};
  for (const auto& [name, values] : parameters)
    if (values.size() > 1) return incomplete(name, "is there twice");
  const auto algorithm = parameters.find("X-Amz-Algorithm");
  if (algorithm == parameters.end()) return incomplete("X-Amz-Algorithm", "is missing from the query");
  if (algorithm->second.front() != kSigV4Algorithm)
    return refuse(SigV4Problem::unsupported_algorithm, "X-Amz-Algorithm",
                  fmt::format("the only way to sign a request is {}", kSigV4Algorithm));
  for (const Part& part : kParts) {
    const auto found = parameters.find(part.name);
    if (found == parameters.end()) return incomplete(part.name, "is missing from the query");
    if (SigV4Result<void> read = part.read(found->second.front(), claims); !read) return read;
  }
  if (const auto token = parameters.find("X-Amz-Security-Token"); token != parameters.end())
    claims.session_token = token->second.front();
  if (const auto hash = parameters.find("X-Amz-Content-Sha256"); hash != parameters.end())
    claims.payload_hash = hash->second.front();
  return {};
}

/// Headers that decide what is signed come once at most.
SigV4Result<void> check_repeats(const HeaderIndex& headers) {
  for (const std::string_view name : {"x-amz-date", "x-amz-content-sha256", "x-amz-security-token"})
    if (const HeaderIndex::Entry* header = headers.find(name); header != nullptr && header->count > 1)
      return incomplete(name, "is there twice");
  return {};
}

}  // namespace

SigV4Result<Claims> read_claims(const SignableRequest& request, const HeaderIndex& headers) {
  const HeaderIndex::Entry* const authorization = headers.find("authorization");
  const Parameters parameters = amz_parameters(request.query);
  Claims claims;
  claims.presigned = parameters.contains("X-Amz-Algorithm") || parameters.contains("X-Amz-Credential") ||
                     parameters.contains("X-Amz-Signature");
  if (authorization == nullptr && !claims.presigned)
    return refuse(SigV4Problem::missing_token, "Authorization", "the request is not signed");
  if (authorization != nullptr && (claims.presigned || authorization->count > 1))
    return refuse(SigV4Problem::several_signatures, "Authorization", "the request has more than one signature");

  SigV4Result<void> read = check_repeats(headers);
  if (read)
    read = claims.presigned ? read_query_form(parameters, claims)
                            : read_header_form(authorization->value, headers, claims);
  if (!read) {
    read.error().presigned = claims.presigned;
    return tl::unexpected(std::move(read).error());
  }
  if (const HeaderIndex::Entry* hash = headers.find("x-amz-content-sha256"); hash != nullptr)
    claims.payload_hash = hash->value;
  return claims;
}

}  // namespace outcrop::crypto::sigv4
