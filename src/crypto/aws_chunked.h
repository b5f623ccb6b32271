#pragma once
// The aws-chunked content encoding, in which S3 clients send a body that they do not know or sign as a whole
// (S3 API reference, "Authenticating Requests", the parts that sigv4_chunks.h names).
//
//   body     = chunk* last-chunk trailer CRLF
//   chunk    = size in hexadecimal [";chunk-signature=" 64 digits] CRLF data CRLF
//   last     = "0" [";chunk-signature=" 64 digits] CRLF
//   trailer  = (name ":" value CRLF)* ["x-amz-trailer-signature:" 64 digits CRLF]
//
// The decoder takes the body in pieces of any size and gives the data out as it passes: bytes are seen before
// the signature of their chunk and the checksum of the trailer are. Keep them aside until the decoder is
// finished().

#include "crypto/checksum.h"
#include "crypto/digest.h"
#include "crypto/sigv4_chunks.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace outcrop::crypto {

/// Why a body is refused, with what S3 answers.
enum class ChunkedProblem : std::uint8_t {
  // clang-format off
  header_too_long,     ///< a chunk header beyond the limit      InvalidRequest
  malformed_chunk,     ///< not as drawn above                   InvalidRequest
  chunk_too_large,     ///< a chunk beyond the limit             InvalidChunkSizeError
  missing_signature,   ///< a chunk or trailer must have one     AccessDenied
  signature_mismatch,  ///< of a chunk or the trailer            SignatureDoesNotMatch
  too_much_data,       ///< beyond the declared decoded length   IncompleteBody
  too_little_data,     ///< ended before the declared length     IncompleteBody
  truncated,           ///< the input ended inside the body      IncompleteBody
  trailer_too_long,    ///< the trailer beyond the limit         MalformedTrailerError
  malformed_trailer,   ///< not as drawn above, or not announced MalformedTrailerError
  missing_trailer,     ///< an announced line did not come       MalformedTrailerError
  checksum_mismatch,   ///< the data has another checksum        BadDigest
  data_after_end,      ///< input goes on after the body         InvalidRequest
  // clang-format on
};

struct ChunkedError {
  ChunkedProblem problem;
  std::string message;  ///< as the house writes errors
};

template <class T>
class [[nodiscard]] ChunkedResult : public tl::expected<T, ChunkedError> {
 public:
  using tl::expected<T, ChunkedError>::expected;
};

struct AwsChunkedOptions {
  /// The chain of a signed body; none: chunks carry no signatures.
  std::optional<ChunkSignatures> signatures = std::nullopt;
  bool trailer = false;  ///< whether the payload's marker ends in -TRAILER
  /// What x-amz-trailer announces, lower-case. Each must come, and no other line may. Checksums among them are
  /// computed and compared.
  std::vector<std::string> announced = {};
  std::uint64_t decoded_bytes = 0;  ///< x-amz-decoded-content-length
  std::size_t max_header_bytes = 256;
  std::size_t max_trailer_bytes = std::size_t{16} << 10;
  std::uint64_t max_chunk_bytes = std::uint64_t{5} << 30;  ///< S3's largest part
};

/// One body. Not thread-safe. Feed it until the input is used up, then ask whether that was all:
///   while (!input.empty()) {
///     auto step = decoder.next(input);  // refuse the request if this fails
///     keep(step->data);
///     input = input.subspan(step->consumed);
///   }
///   decoder.end();
class AwsChunkedDecoder {
 public:
  struct Step {
    std::size_t consumed = 0;  ///< bytes of the input that are done with, more than 0 unless it was empty
    std::span<const std::byte> data;  ///< decoded bytes, inside the input; may be empty
  };

  explicit AwsChunkedDecoder(AwsChunkedOptions options);

  /// Reads on, up to the end of the input or the first stretch of data. After an error nothing may follow.
  ChunkedResult<Step> next(std::span<const std::byte> input);
  /// To be called at the end of the input: an error unless the whole body was there.
  ChunkedResult<void> end() const;

  bool finished() const noexcept { return state_ == State::finished; }
  std::uint64_t decoded_bytes() const noexcept { return decoded_; }
  /// By lower-case name; complete when finished().
  const std::map<std::string, std::string, std::less<>>& trailers() const noexcept { return trailers_; }

 private:
  enum class State : std::uint8_t { header, data, data_end, trailer, finished };

  ChunkedResult<bool> take_line(std::span<const std::byte> input, std::size_t limit, ChunkedProblem too_long,
                                Step& step);
  ChunkedResult<void> read_header();
  ChunkedResult<void> end_chunk();
  ChunkedResult<void> take_data_end(std::byte byte);
  ChunkedResult<void> read_trailer_line();
  ChunkedResult<void> check_trailer();

  AwsChunkedOptions options_;
  State state_ = State::header;
  std::string line_;           ///< of a chunk header or of the trailer, as far as it has come
  std::uint64_t left_ = 0;     ///< bytes of data that this chunk still has
  std::uint64_t decoded_ = 0;  ///< bytes of data given out
  std::size_t data_end_ = 0;   ///< bytes of the CRLF after the data that have come
  std::size_t trailer_size_ = 0;
  std::string chunk_signature_;  ///< what the header of this chunk claims
  std::string trailer_signature_;
  Sha256 chunk_digest_;
  std::vector<Checksum> checksums_;
  std::map<std::string, std::string, std::less<>> trailers_;
};

/// Writes the encoding: `encode(a) + encode(b) + finish()`. Not thread-safe.
class AwsChunkedEncoder {
 public:
  /// signatures: none for unsigned chunks. checksum: sent as the only line of the trailer.
  AwsChunkedEncoder(std::optional<ChunkSignatures> signatures, std::optional<ChecksumKind> checksum);

  /// One chunk with its frame. `data` must not be empty; S3 wants 8 KiB or more of every chunk but the last.
  std::string encode(std::string_view data);
  /// The last chunk and the trailer. Call once.
  std::string finish();

  /// Content-Length of a body of `data_bytes` in chunks of `chunk_bytes`.
  static std::uint64_t encoded_bytes(std::uint64_t data_bytes, std::uint64_t chunk_bytes, bool signed_chunks,
                                     std::optional<ChecksumKind> checksum);

 private:
  std::optional<ChunkSignatures> signatures_;
  std::optional<Checksum> checksum_;
};

}  // namespace outcrop::crypto
