#pragma once
// Signatures of the chunks of an aws-chunked body. Each depends on the one before, and the first on the
// signature of the request (S3 API reference, "Signature Calculations for the Authorization Header:
// Transferring Payload in Multiple Chunks" and "... Including Trailing Headers").
//
//   chunk    AWS4-HMAC-SHA256-PAYLOAD \n time \n scope \n previous signature \n SHA-256("") \n SHA-256(data)
//   trailer  AWS4-HMAC-SHA256-TRAILER \n time \n scope \n previous signature \n SHA-256(name:value \n ...)

#include "crypto/sigv4.h"

#include <string>
#include <string_view>
#include <utility>

namespace outcrop::crypto {

/// The chain of signatures of one body. Not thread-safe.
class ChunkSignatures {
 public:
  /// seed: the request's own signature.
  ChunkSignatures(Secret signing_key, std::string amz_date, const CredentialScope& scope, std::string seed)
      : key_(std::move(signing_key)),
        amz_date_(std::move(amz_date)),
        scope_(scope.text()),
        previous_(std::move(seed)) {}

  /// Of the next chunk, by the hexadecimal SHA-256 of its data; the last chunk has none.
  std::string next_chunk(std::string_view data_sha256);
  /// Of the trailer, by the hexadecimal SHA-256 of its canonical lines. After the last chunk.
  std::string trailer(std::string_view lines_sha256);

 private:
  Secret key_;
  std::string amz_date_;
  std::string scope_;
  std::string previous_;
};

}  // namespace outcrop::crypto
