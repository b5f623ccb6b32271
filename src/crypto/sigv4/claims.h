#pragma once
// What a signed request claims about itself, read from its Authorization header or its query; nothing is
// checked yet but the form.

#include "crypto/sigv4/header_index.h"
#include "crypto/sigv4_verify.h"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::crypto::sigv4 {

struct Claims {
  bool presigned = false;
  std::string access_key_id;
  CredentialScope scope;
  std::string terminator;                   ///< "aws4_request"
  std::vector<std::string> signed_headers;  ///< lower-case, sorted, without doubles
  std::string signature;                    ///< 64 hexadecimal digits
  std::string amz_date;                     ///< as it is signed
  std::chrono::sys_seconds signed_at;
  std::chrono::seconds expires{0};  ///< of a presigned request: 1 s to 7 days
  std::string session_token;
  std::optional<std::string> payload_hash;  ///< what stands in x-amz-content-sha256
};

SigV4Result<Claims> read_claims(const SignableRequest& request, const HeaderIndex& headers);

}  // namespace outcrop::crypto::sigv4
