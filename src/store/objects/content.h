#pragma once
// Bytes on their way into blobs and out of them. Private to the object service.

#include "crypto/checksum.h"
#include "crypto/digest.h"
#include "store/blob_store.h"
#include "store/object_types.h"
#include "store/s3_error.h"

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace outcrop::store::objects {

/// What an object's bytes hash to.
struct Digests {
  std::string md5_hex;
  std::string checksum;  ///< base64
};

struct Written {
  Content content;
  std::uint64_t size = 0;
  Digests digests;
};

/// Writes one blob and hashes it on the way; no blob for no bytes. Destroyed before finish(), it leaves
/// nothing.
class ContentWriter {
 public:
  ContentWriter(BlobStore& blobs, ExpectedDigests expected, std::uint64_t max_bytes);

  S3Status write(std::span<const std::byte> bytes);
  /// Checks the digests against what the client told, then makes the blob durable.
  S3Result<Written> finish(std::string_view trailing_checksum);
  crypto::ChecksumKind checksum_kind() const noexcept { return checksum_.kind(); }

 private:
  S3Status verify(const Digests& digests) const;
  BlobStore& blobs_;
  ExpectedDigests expected_;
  std::uint64_t max_bytes_;
  std::unique_ptr<BlobWriter> blob_;
  std::uint64_t size_ = 0;
  crypto::Md5 md5_;
  crypto::Checksum checksum_;
};

/// Reads bytes [offset, offset + size) of a content. One blob is open at a time.
class ContentReader {
 public:
  ContentReader(BlobStore& blobs, Content content, std::uint64_t offset, std::uint64_t size);
  /// The next bytes, at most buffer.size(); 0: that was all.
  Result<std::size_t> read(std::span<std::byte> buffer);

 private:
  BlobStore& blobs_;
  Content content_;
  std::size_t segment_ = 0;  ///< the one that is read
  std::uint64_t at_ = 0;     ///< bytes of it that were read or skipped
  std::uint64_t left_ = 0;   ///< bytes of the whole range
  std::unique_ptr<BlobReader> open_;
};

/// Bytes [offset, offset + size) as segments of the same blobs.
Content cut_content(const Content& content, std::uint64_t offset, std::uint64_t size);

/// Hashes bytes [offset, offset + size) of a content.
Result<Digests> hash_content(BlobStore& blobs, const Content& content, std::uint64_t offset, std::uint64_t size,
                             crypto::ChecksumKind kind);

/// CRC64NVME, as S3 does when the client asks for none.
inline constexpr crypto::ChecksumKind kDefaultChecksum = crypto::ChecksumKind::crc64nvme;

}  // namespace outcrop::store::objects
