#include "base/check.h"
#include "crypto/aws_chunked.h"
#include "crypto/sha256.h"

#include <utility>

#include <fmt/format.h>

namespace outcrop::crypto {
namespace {

constexpr std::string_view kSignatureExtension = ";chunk-signature=";
constexpr std::string_view kTrailerSignature = "x-amz-trailer-signature:";
constexpr std::size_t kSignatureDigits = 64;

std::size_t base64_bytes(ChecksumKind kind) {
  switch (kind) {
    case ChecksumKind::crc32:
    case ChecksumKind::crc32c:
      return 8;
    case ChecksumKind::crc64nvme:
      return 12;
    case ChecksumKind::sha1:
      return 28;
    case ChecksumKind::sha256:
      return 44;
  }
  return 0;
}

}  // namespace

AwsChunkedEncoder::AwsChunkedEncoder(std::optional<ChunkSignatures> signatures,
                                     std::optional<ChecksumKind> checksum)
    : signatures_(std::move(signatures)) {
  if (checksum) checksum_.emplace(*checksum);
}

std::string AwsChunkedEncoder::encode(std::string_view data) {
  CHECK(!data.empty(), "an empty chunk would end the body");
  if (checksum_) checksum_->update(data);
  std::string chunk = fmt::format("{:x}", data.size());
  if (signatures_) chunk.append(kSignatureExtension).append(signatures_->next_chunk(sha256_hex(data)));
  chunk += "\r\n";
  chunk += data;
  chunk += "\r\n";
  return chunk;
}

std::string AwsChunkedEncoder::finish() {
  std::string end = "0";
  if (signatures_) end.append(kSignatureExtension).append(signatures_->next_chunk(kEmptySha256));
  end += "\r\n";
  if (checksum_) {
    const std::string line =
        fmt::format("{}:{}", checksum_header(checksum_->kind()), checksum_->finish_base64());
    end.append(line).append("\r\n");
    if (signatures_)
      end.append(kTrailerSignature).append(signatures_->trailer(sha256_hex(line + "\n"))).append("\r\n");
  }
  return end + "\r\n";
}

std::uint64_t AwsChunkedEncoder::encoded_bytes(std::uint64_t data_bytes, std::uint64_t chunk_bytes,
                                               bool signed_chunks, std::optional<ChecksumKind> checksum) {
  CHECK(chunk_bytes > 0, "a chunk has at least one byte");
  const std::uint64_t extension = signed_chunks ? kSignatureExtension.size() + kSignatureDigits : 0;
  const auto frame = [extension](std::uint64_t size) {
    return fmt::formatted_size("{:x}", size) + extension + 4;
  };
  std::uint64_t total = data_bytes / chunk_bytes * (frame(chunk_bytes) + chunk_bytes);
  if (const std::uint64_t rest = data_bytes % chunk_bytes; rest > 0) total += frame(rest) + rest;
  total += frame(0);
  if (checksum) {
    total += checksum_header(*checksum).size() + 1 + base64_bytes(*checksum) + 2;
    if (signed_chunks) total += kTrailerSignature.size() + kSignatureDigits + 2;
  }
  return total;
}

}  // namespace outcrop::crypto
