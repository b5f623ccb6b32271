#pragma once
// AWS Signature Version 4: the texts that are signed and their signature. "Create a signed AWS API request" in
// the AWS Identity and Access Management guide; the S3 variant in "Authenticating Requests (AWS Signature
// Version 4)" of the S3 API reference. Signing is in sigv4_sign.h, checking in sigv4_verify.h.
//
//   canonical request   METHOD \n path \n query \n name:value \n ... \n \n names \n payload hash
//   string to sign      AWS4-HMAC-SHA256 \n time \n scope \n SHA-256 of the canonical request
//   signing key         HMAC(HMAC(HMAC(HMAC("AWS4" + secret, day), region), service), "aws4_request")
//   signature           HMAC(signing key, string to sign), 64 hexadecimal digits
//
// All functions are pure and thread-safe.

#include "crypto/secret.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace outcrop::crypto {

inline constexpr std::string_view kSigV4Algorithm = "AWS4-HMAC-SHA256";
inline constexpr std::string_view kSigV4Terminator = "aws4_request";
/// SHA-256 of no bytes.
inline constexpr std::string_view kEmptySha256 =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct HeaderField {
  std::string_view name;   ///< of any case
  std::string_view value;  ///< as received; a folded line may contain its line break
};

/// What of a request is signed. Borrows everything.
struct SignableRequest {
  std::string_view method;
  std::string_view path;   ///< as on the request line, percent-encoded, without the query
  std::string_view query;  ///< as on the request line, after the '?'
  /// Over HTTP/2 with ":authority", which stands for "host" and the other way round.
  std::span<const HeaderField> headers;
};

enum class PathStyle : std::uint8_t {
  once,              ///< s3: the path as it is sent; what the client left unencoded is encoded
  twice_normalised,  ///< every other service: dot segments removed, then the encoded path encoded again
};

/// For which day, region and service a signature holds.
struct CredentialScope {
  std::string day;  ///< "20150830"
  std::string region;
  std::string service;

  std::string text() const;  ///< "20150830/us-east-1/s3/aws4_request"
  bool operator==(const CredentialScope&) const = default;
};

/// What x-amz-content-sha256 declares about the body.
enum class PayloadKind : std::uint8_t {
  hashed,                      ///< 64 hexadecimal digits: SHA-256 of the whole body
  unsigned_payload,            ///< UNSIGNED-PAYLOAD
  streaming_signed,            ///< STREAMING-AWS4-HMAC-SHA256-PAYLOAD: aws-chunked, each chunk signed
  streaming_signed_trailer,    ///< STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER: the same and a signed trailer
  streaming_unsigned_trailer,  ///< STREAMING-UNSIGNED-PAYLOAD-TRAILER: aws-chunked with a trailer, unsigned
};

/// The marker of a kind; empty for `hashed`.
std::string_view payload_marker(PayloadKind kind) noexcept;
/// Nothing for a text that is neither a marker nor 64 lower-case hexadecimal digits.
std::optional<PayloadKind> payload_kind(std::string_view text) noexcept;

std::string canonical_path(std::string_view path, PathStyle style);

/// Decoded, encoded again, sorted by name and then by value. Parameters named `without` are left out.
std::string canonical_query(std::string_view query, std::string_view without = {});

/// White space trimmed at both ends, and each run of it inside made one space.
std::string canonical_header_value(std::string_view value);

/// signed_headers: lower-case, sorted, without doubles. One that the request lacks has an empty value.
/// query: from canonical_query.
std::string canonical_request(const SignableRequest& request, std::string_view query,
                              std::span<const std::string> signed_headers, std::string_view payload_hash,
                              PathStyle style);

std::string string_to_sign(std::string_view amz_date, const CredentialScope& scope,
                           std::string_view canonical_request);

Secret signing_key(std::string_view secret_access_key, const CredentialScope& scope);

/// 64 lower-case hexadecimal digits.
std::string signature(const Secret& signing_key, std::string_view string_to_sign);

}  // namespace outcrop::crypto
