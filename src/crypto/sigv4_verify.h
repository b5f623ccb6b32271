#pragma once
// Checking requests that were signed by AWS Signature Version 4, in both of its forms: an Authorization header,
// or X-Amz-* parameters in the query (a presigned URL). Called by the front door for each request, before
// anything else is read from it.
//
// Whoever acts on a verified request must read it as the signature does: the path of a twice_normalised service
// by normalise_path, parameters by percent_decode (crypto/uri.h), and the body held against the identity's
// payload.

#include "crypto/sigv4.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace outcrop::crypto {

/// Why a request is refused. The last two columns are what AWS answers in S3's and in rest-json's protocol.
enum class SigV4Problem : std::uint8_t {
  // clang-format off
  missing_token,          ///< no signature at all          AccessDenied                 MissingAuthenticationTokenException
  several_signatures,     ///< two of them                  InvalidArgument              IncompleteSignatureException
  unsupported_algorithm,  ///< not AWS4-HMAC-SHA256         InvalidRequest               IncompleteSignatureException
  incomplete_signature,   ///< `field` is absent or wrong   AuthorizationHeaderMalformed IncompleteSignatureException
                          ///<   of a presigned URL         AuthorizationQueryParametersError
  wrong_scope,            ///< `field` of the scope: day, region, service or terminator
                          ///<                              AuthorizationHeaderMalformed InvalidSignatureException
  skewed,                 ///< signed too long ago or ahead RequestTimeTooSkewed         InvalidSignatureException
  not_yet_valid,          ///< presigned for later          AccessDenied                 InvalidSignatureException
  expired,                ///< presigned, its time is over  AccessDenied                 InvalidSignatureException
  unsigned_header,        ///< `field` must be signed       AccessDenied                 InvalidSignatureException
  missing_header,         ///< `field` is signed, not sent  SignatureDoesNotMatch        InvalidSignatureException
  unknown_key,            ///< no such access key id        InvalidAccessKeyId           UnrecognizedClientException
  missing_payload_hash,   ///< x-amz-content-sha256         InvalidRequest               IncompleteSignatureException
  invalid_payload_hash,   ///< neither digest nor marker    InvalidArgument              InvalidSignatureException
  payload_not_allowed,    ///< a marker the rules forbid    InvalidRequest               InvalidSignatureException
  payload_mismatch,       ///< the body has another SHA-256 XAmzContentSHA256Mismatch    InvalidSignatureException
  signature_mismatch,     ///< the signature is another     SignatureDoesNotMatch        InvalidSignatureException
  // clang-format on
};

struct SigV4Error {
  SigV4Problem problem;
  std::string field;    ///< the header, parameter or part of the scope at fault; may be empty
  std::string message;  ///< as the house writes errors; holds no secret
  bool presigned = false;
  std::optional<std::chrono::sys_seconds> signed_at = std::nullopt;  ///< where the request says when
  std::string canonical_request = {};  ///< of a signature_mismatch: what we signed
  std::string string_to_sign = {};
};

/// Who signed, and what the signature covers.
struct SignedIdentity {
  std::string access_key_id;
  CredentialScope scope;
  std::string amz_date;
  std::chrono::sys_seconds signed_at;
  bool presigned = false;
  PayloadKind payload = PayloadKind::hashed;
  std::string payload_sha256;  ///< of PayloadKind::hashed: what the body's SHA-256 must be
  std::string signature;       ///< the seed of the first chunk's signature
  Secret signing_key;          ///< signs the chunks
};

template <class T>
class [[nodiscard]] SigV4Result : public tl::expected<T, SigV4Error> {
 public:
  using tl::expected<T, SigV4Error>::expected;
};

/// How one service signs.
struct ServiceRules {
  std::string_view name;  ///< as in the credential scope
  PathStyle path = PathStyle::twice_normalised;
  std::chrono::seconds skew{300};  ///< how far the client's clock may be off
  /// Whether x-amz-content-sha256 may hold a marker, and a presigned request without one has UNSIGNED-PAYLOAD.
  bool payload_markers = false;
};

inline constexpr ServiceRules kBedrockRules{.name = "bedrock"};
inline constexpr ServiceRules kS3Rules{
    .name = "s3", .path = PathStyle::once, .skew = std::chrono::minutes(15), .payload_markers = true};

/// The secret access key of an access key id. A temporary key comes with its session token, a long-lived one
/// with an empty token; the lookup checks that they belong together. Nothing: no such key.
using SecretLookup =
    std::function<std::optional<Secret>(std::string_view access_key_id, std::string_view session_token)>;

struct VerifyOptions {
  std::chrono::sys_seconds now;
  std::string_view region = {};  ///< empty: any
  std::span<const ServiceRules> services;
  /// 64 lower-case digits, where the body has been read already. Without it, a request that does not declare
  /// its body's hash is refused, and the caller holds the body against SignedIdentity::payload later.
  std::optional<std::string_view> body_sha256 = std::nullopt;
  /// False on a connection that others can read and change. Presigned requests are excepted: S3 signs no body
  /// there.
  bool allow_unsigned_payload = true;
};

/// Thread-safe if `lookup` is.
SigV4Result<SignedIdentity> verify_signature(const SignableRequest& request, const VerifyOptions& options,
                                             const SecretLookup& lookup);

}  // namespace outcrop::crypto
