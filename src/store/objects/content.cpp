#include "store/objects/content.h"

#include "base/check.h"
#include "crypto/base64.h"
#include "crypto/hex.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace outcrop::store::objects {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

}  // namespace

ContentWriter::ContentWriter(BlobStore& blobs, ExpectedDigests expected, std::uint64_t max_bytes)
    : blobs_(blobs),
      expected_(std::move(expected)),
      max_bytes_(max_bytes),
      checksum_(expected_.checksum_kind.value_or(kDefaultChecksum)) {}

S3Status ContentWriter::write(std::span<const std::byte> bytes) {
  if (bytes.empty()) return {};
  if (bytes.size() > max_bytes_ - size_) {
    return s3_fail(S3Code::entity_too_large, fmt::format("more than {} bytes in one upload", max_bytes_));
  }
  if (blob_ == nullptr) {
    OUTCROP_TRY(blob_, blobs_.create());
  }
  OUTCROP_CHECK_OK(blob_->write(bytes));
  md5_.update(bytes);
  checksum_.update(bytes);
  size_ += bytes.size();
  return {};
}

S3Status ContentWriter::verify(const Digests& digests) const {
  if (!expected_.checksum.empty() && expected_.checksum != digests.checksum) {
    return s3_fail(S3Code::bad_digest,
                   fmt::format("the {} that was told is {}, the bytes have {}",
                               crypto::checksum_name(checksum_.kind()), expected_.checksum, digests.checksum));
  }
  if (!expected_.content_md5.empty()) {
    const std::string bytes = crypto::from_base64(expected_.content_md5).value_or("");
    if (crypto::to_hex(std::as_bytes(std::span(bytes))) != digests.md5_hex) {
      return s3_fail(S3Code::bad_digest,
                     fmt::format("the Content-MD5 that was told is not the bytes' MD5 {}", digests.md5_hex));
    }
  }
  return {};
}

S3Result<Written> ContentWriter::finish(std::string_view trailing_checksum) {
  if (!trailing_checksum.empty()) expected_.checksum = trailing_checksum;
  Written written;
  written.size = size_;
  written.digests = {md5_.finish_hex(), checksum_.finish_base64()};
  OUTCROP_CHECK_OK(verify(written.digests));
  if (blob_ == nullptr) return written;
  OUTCROP_TRY(std::string id, blob_->commit());
  written.content.push_back({std::move(id), 0, size_});
  return written;
}

ContentReader::ContentReader(BlobStore& blobs, Content content, std::uint64_t offset, std::uint64_t size)
    : blobs_(blobs), content_(std::move(content)), at_(offset), left_(size) {
  while (segment_ < content_.size() && at_ >= content_[segment_].size) at_ -= content_[segment_++].size;
}

Result<std::size_t> ContentReader::read(std::span<std::byte> buffer) {
  if (left_ == 0 || buffer.empty()) return std::size_t{0};
  CHECK(segment_ < content_.size(), "a range lies within its content");
  const Segment& segment = content_[segment_];
  if (open_ == nullptr) {
    OUTCROP_TRY(open_, blobs_.open(segment.blob));
  }
  const std::uint64_t wanted = std::min({std::uint64_t{buffer.size()}, segment.size - at_, left_});
  const std::span<std::byte> piece = buffer.first(static_cast<std::size_t>(wanted));
  OUTCROP_CHECK_OK(open_->read(segment.offset + at_, piece));
  at_ += wanted;
  left_ -= wanted;
  if (at_ == segment.size) {
    open_.reset();
    ++segment_;
    at_ = 0;
  }
  return piece.size();
}

Content cut_content(const Content& content, std::uint64_t offset, std::uint64_t size) {
  Content cut;
  for (const Segment& segment : content) {
    if (size == 0) break;
    if (offset >= segment.size) {
      offset -= segment.size;
      continue;
    }
    const std::uint64_t taken = std::min(segment.size - offset, size);
    cut.push_back({segment.blob, segment.offset + offset, taken});
    size -= taken;
    offset = 0;
  }
  return cut;
}

Result<Digests> hash_content(BlobStore& blobs, const Content& content, std::uint64_t offset, std::uint64_t size,
                             crypto::ChecksumKind kind) {
  ContentReader reader(blobs, content, offset, size);
  crypto::Md5 md5;
  crypto::Checksum checksum(kind);
  std::vector<std::byte> buffer(static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, size)));
  while (true) {
    OUTCROP_TRY(const std::size_t got, reader.read(buffer));
    if (got == 0) return Digests{md5.finish_hex(), checksum.finish_base64()};
    md5.update(std::span(buffer).first(got));
    checksum.update(std::span(buffer).first(got));
  }
}

}  // namespace outcrop::store::objects
