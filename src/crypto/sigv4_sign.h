#pragma once
// Signing requests by AWS Signature Version 4, for our own S3 client and for tests of the doors.

#include "base/result.h"
#include "crypto/sigv4.h"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::crypto {

struct SigningCredentials {
  std::string_view access_key_id;
  std::string_view secret_access_key;
  std::string_view session_token = {};  ///< empty: long-lived credentials
};

struct SigningOptions {
  std::string_view region;
  std::string_view service;
  std::chrono::sys_seconds time;
  /// What stands for the body in the canonical request: its SHA-256 or a marker.
  std::string_view payload_hash = kEmptySha256;
  PathStyle path = PathStyle::twice_normalised;
  bool add_payload_header = false;     ///< sign_headers sends x-amz-content-sha256: s3 wants it
  bool sign_session_token = true;      ///< false: the token is added to the request after signing
  std::chrono::seconds expires{3600};  ///< presign_query: 1 s to 7 days
};

/// A signature and the texts that led to it.
struct Signature {
  std::string amz_date;
  CredentialScope scope;
  std::string canonical_request;
  std::string string_to_sign;
  std::string value;
};

struct SignedHeaders : Signature {
  struct Field {
    std::string name;
    std::string value;
  };
  std::vector<Field> added;  ///< to send after the request's own, "Authorization" last
};

struct SignedQuery : Signature {
  std::string query;  ///< to send instead of the request's own
};

/// Signs all headers but those that proxies change (connection, expect, transfer-encoding, user-agent,
/// x-amzn-trace-id,
/// ...). invalid_argument: no host header, a header that signing would add, or a payload hash that is none.
Result<SignedHeaders> sign_headers(const SignableRequest& request, const SigningCredentials& credentials,
                                   const SigningOptions& options);

/// The form of a presigned URL. invalid_argument: as above, or an expiry outside 1 s to 7 days.
Result<SignedQuery> presign_query(const SignableRequest& request, const SigningCredentials& credentials,
                                  const SigningOptions& options);

}  // namespace outcrop::crypto
