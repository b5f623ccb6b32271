#include "crypto/aws_chunked.h"
#include "crypto/hex.h"
#include "crypto/sha256.h"
#include "crypto/sigv4/header_index.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace outcrop::crypto {
namespace {

constexpr std::string_view kSignatureExtension = "chunk-signature=";
constexpr std::string_view kTrailerSignature = "x-amz-trailer-signature";

tl::unexpected<ChunkedError> refuse(ChunkedProblem problem, std::string message) {
  return tl::unexpected(ChunkedError{problem, std::move(message)});
}

tl::unexpected<ChunkedError> forward(ChunkedError error) {
  return tl::unexpected(std::move(error));
}

/// Hexadecimal digits, at most 16.
std::optional<std::uint64_t> read_size(std::string_view digits) {
  if (digits.empty() || digits.size() > 16) return std::nullopt;
  std::uint64_t size = 0;
  for (const char digit : digits) {
    const int value = hex_value(digit);
    if (value < 0) return std::nullopt;
    size = size << 4 | static_cast<std::uint64_t>(value);
  }
  return size;
}

}  // namespace

AwsChunkedDecoder::AwsChunkedDecoder(AwsChunkedOptions options) : options_(std::move(options)) {
  for (const std::string& name : options_.announced)
    if (const std::optional<ChecksumKind> kind = checksum_of_header(name)) checksums_.emplace_back(*kind);
}

ChunkedResult<AwsChunkedDecoder::Step> AwsChunkedDecoder::next(std::span<const std::byte> input) {
  Step step;
  while (step.consumed < input.size() && step.data.empty()) {
    const std::span<const std::byte> rest = input.subspan(step.consumed);
    ChunkedResult<void> read;
    switch (state_) {
      case State::header:
      case State::trailer: {
        const bool header = state_ == State::header;
        const std::size_t limit =
            header ? options_.max_header_bytes : options_.max_trailer_bytes - trailer_size_;
        const ChunkedResult<bool> whole = take_line(
            rest, limit, header ? ChunkedProblem::header_too_long : ChunkedProblem::trailer_too_long, step);
        if (!whole) return forward(whole.error());
        if (!*whole) break;
        read = header ? read_header() : read_trailer_line();
        line_.clear();
        break;
      }
      case State::data: {
        const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size()));
        step.data = rest.first(count);
        step.consumed += count;
        left_ -= count;
        decoded_ += count;
        if (options_.signatures) chunk_digest_.update(step.data);
        for (Checksum& checksum : checksums_) checksum.update(step.data);
        if (left_ == 0) state_ = State::data_end;
        break;
      }
      case State::data_end:
        ++step.consumed;
        read = take_data_end(rest.front());
        break;
      case State::finished:
        read = refuse(ChunkedProblem::data_after_end, "input goes on after the end of an aws-chunked body");
        break;
    }
    if (!read) return forward(std::move(read).error());
  }
  return step;
}

/// Adds to line_ up to CRLF. True: the line is whole, and without its end.
ChunkedResult<bool> AwsChunkedDecoder::take_line(std::span<const std::byte> input, std::size_t limit,
                                                 ChunkedProblem too_long, Step& step) {
  const auto end = std::ranges::find(input, std::byte{'\n'});
  const bool whole = end != input.end();
  const std::size_t count = static_cast<std::size_t>(end - input.begin()) + (whole ? 1 : 0);
  if (line_.size() + count > limit)
    return refuse(too_long, fmt::format("a line of an aws-chunked body is longer than {} bytes", limit));
  line_.append(reinterpret_cast<const char*>(input.data()), count);
  step.consumed += count;
  if (!whole) return false;
  if (!line_.ends_with("\r\n"))
    return refuse(state_ == State::header ? ChunkedProblem::malformed_chunk : ChunkedProblem::malformed_trailer,
                  "a line of an aws-chunked body ends without CR");
  line_.resize(line_.size() - 2);
  return true;
}

ChunkedResult<void> AwsChunkedDecoder::read_header() {
  const std::string_view line = line_;
  const std::size_t semicolon = line.find(';');
  const std::optional<std::uint64_t> size = read_size(line.substr(0, semicolon));
  if (!size) return refuse(ChunkedProblem::malformed_chunk, "the size of a chunk is not a hexadecimal number");
  const std::string_view extension = semicolon == std::string_view::npos ? "" : line.substr(semicolon + 1);
  if (options_.signatures) {
    if (!extension.starts_with(kSignatureExtension))
      return refuse(ChunkedProblem::missing_signature, "a chunk of a signed body has no signature");
    chunk_signature_ = extension.substr(kSignatureExtension.size());
    if (!is_hex_sha256(chunk_signature_))
      return refuse(ChunkedProblem::malformed_chunk,
                    "a chunk's signature is not 64 lower-case hexadecimal digits");
  } else if (semicolon != std::string_view::npos) {
    return refuse(ChunkedProblem::malformed_chunk, "a chunk of an unsigned body has an extension");
  }
  if (*size > options_.max_chunk_bytes)
    return refuse(ChunkedProblem::chunk_too_large,
                  fmt::format("a chunk has {} bytes, the limit is {}", *size, options_.max_chunk_bytes));
  if (*size > options_.decoded_bytes - decoded_)
    return refuse(ChunkedProblem::too_much_data,
                  fmt::format("a chunk of {} bytes after {} goes beyond the declared {}", *size, decoded_,
                              options_.decoded_bytes));
  left_ = *size;
  if (left_ > 0) {
    state_ = State::data;
    return {};
  }
  if (decoded_ != options_.decoded_bytes)
    return refuse(ChunkedProblem::too_little_data,
                  fmt::format("the body has {} bytes, {} are declared", decoded_, options_.decoded_bytes));
  state_ = State::trailer;
  return end_chunk();
}

ChunkedResult<void> AwsChunkedDecoder::take_data_end(std::byte byte) {
  if (byte != (data_end_ == 0 ? std::byte{'\r'} : std::byte{'\n'}))
    return refuse(ChunkedProblem::malformed_chunk, "a chunk's data goes on after its size");
  if (++data_end_ < 2) return {};
  data_end_ = 0;
  state_ = State::header;
  return end_chunk();
}

ChunkedResult<void> AwsChunkedDecoder::end_chunk() {
  if (!options_.signatures) return {};
  const std::string wanted =
      options_.signatures->next_chunk(std::exchange(chunk_digest_, Sha256()).finish_hex());
  if (!equal_in_constant_time(wanted, chunk_signature_))
    return refuse(ChunkedProblem::signature_mismatch,
                  fmt::format("the chunk that ends at byte {} has another signature", decoded_));
  return {};
}

ChunkedResult<void> AwsChunkedDecoder::read_trailer_line() {
  trailer_size_ += line_.size() + 2;
  if (line_.empty()) return check_trailer();
  const std::size_t colon = line_.find(':');
  if (colon == std::string::npos || colon == 0)
    return refuse(ChunkedProblem::malformed_trailer, "a line of the trailer is not NAME:VALUE");
  std::string name = sigv4::lower_case(std::string_view(line_).substr(0, colon));
  std::string value = canonical_header_value(std::string_view(line_).substr(colon + 1));
  if (!trailer_signature_.empty())
    return refuse(ChunkedProblem::malformed_trailer, "a line of the trailer follows its signature");
  if (name == kTrailerSignature && options_.trailer && options_.signatures) {
    if (!is_hex_sha256(value))
      return refuse(ChunkedProblem::malformed_trailer,
                    "the trailer's signature is not 64 lower-case hexadecimal digits");
    trailer_signature_ = std::move(value);
    return {};
  }
  if (!options_.trailer || std::ranges::find(options_.announced, name) == options_.announced.end())
    return refuse(ChunkedProblem::malformed_trailer,
                  fmt::format("the trailer has {}, which is not announced", name));
  if (!trailers_.emplace(name, std::move(value)).second)
    return refuse(ChunkedProblem::malformed_trailer, fmt::format("the trailer has {} twice", name));
  return {};
}

ChunkedResult<void> AwsChunkedDecoder::check_trailer() {
  for (const std::string& name : options_.announced)
    if (!trailers_.contains(name))
      return refuse(ChunkedProblem::missing_trailer,
                    fmt::format("the trailer lacks {}, which is announced", name));
  if (options_.trailer && options_.signatures) {
    if (trailer_signature_.empty())
      return refuse(ChunkedProblem::missing_signature, "the trailer of a signed body has no signature");
    std::string lines;
    for (const auto& [name, value] : trailers_) lines += fmt::format("{}:{}\n", name, value);
    if (!equal_in_constant_time(options_.signatures->trailer(sha256_hex(lines)), trailer_signature_))
      return refuse(ChunkedProblem::signature_mismatch, "the trailer has another signature");
  }
  for (Checksum& checksum : checksums_) {
    const std::string_view name = checksum_header(checksum.kind());
    const std::string computed = checksum.finish_base64();
    const std::string& declared = trailers_.find(name)->second;
    if (computed != declared)
      return refuse(ChunkedProblem::checksum_mismatch,
                    fmt::format("{} is declared as {}, the data has {}", name, declared, computed));
  }
  state_ = State::finished;
  return {};
}

ChunkedResult<void> AwsChunkedDecoder::end() const {
  if (finished()) return {};
  return refuse(ChunkedProblem::truncated,
                fmt::format("an aws-chunked body ends after {} of {} bytes of data, before its last line",
                            decoded_, options_.decoded_bytes));
}

}  // namespace outcrop::crypto
