#include "crypto/sigv4_chunks.h"

#include <fmt/format.h>

namespace outcrop::crypto {

std::string ChunkSignatures::next_chunk(std::string_view data_sha256) {
  previous_ = signature(key_, fmt::format("AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\n{}\n{}", amz_date_, scope_,
                                          previous_, kEmptySha256, data_sha256));
  return previous_;
}

std::string ChunkSignatures::trailer(std::string_view lines_sha256) {
  previous_ = signature(key_, fmt::format("AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}\n{}", amz_date_, scope_,
                                          previous_, lines_sha256));
  return previous_;
}

}  // namespace outcrop::crypto
