#include "store/objects/rules.h"

#include "base/text.h"
#include "crypto/base64.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace outcrop::store::objects {
namespace {

constexpr std::size_t kMaxKeyBytes = 1024;
constexpr std::size_t kMaxMetadataBytes = 2048;
constexpr std::size_t kMaxTags = 10;
constexpr std::size_t kMaxTagKey = 128;
constexpr std::size_t kMaxTagValue = 256;
constexpr int kMaxPartNumber = 10'000;

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_utf8(std::string_view text) {
  return valid_utf8_prefix(text) == text.size();
}

/// Code points of a text that is UTF-8.
std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

/// Four groups of digits: what S3 calls "formatted as an IP address".
bool looks_like_ipv4(std::string_view name) {
  return std::ranges::count(name, '.') == 3 &&
         std::ranges::all_of(name, [](char c) { return is_digit(c) || c == '.'; });
}

/// The rule that a name breaks, or nothing.
std::string_view broken_rule(std::string_view name) {
  if (name.size() < 3 || name.size() > 63) return "has 3 to 63 characters";
  if (!std::ranges::all_of(name, [](char c) { return is_lower(c) || is_digit(c) || c == '.' || c == '-'; })) {
    return "consists of lower-case letters, digits, dots and hyphens";
  }
  const auto is_edge = [](char c) { return is_lower(c) || is_digit(c); };
  if (!is_edge(name.front()) || !is_edge(name.back())) return "begins and ends with a letter or digit";
  if (name.find("..") != std::string_view::npos) return "has no two dots beside each other";
  if (looks_like_ipv4(name)) return "is not formatted as an IP address";
  for (const std::string_view prefix : {"xn--", "sthree-"}) {
    if (name.starts_with(prefix)) return "does not begin with xn-- or sthree-";
  }
  for (const std::string_view suffix : {"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"}) {
    if (name.ends_with(suffix)) return "does not end with -s3alias, --ol-s3, .mrap, --x-s3 or --table-s3";
  }
  return {};
}

std::size_t checksum_bytes(crypto::ChecksumKind kind) {
  switch (kind) {
    case crypto::ChecksumKind::crc32:
    case crypto::ChecksumKind::crc32c:
      return 4;
    case crypto::ChecksumKind::crc64nvme:
      return 8;
    case crypto::ChecksumKind::sha1:
      return 20;
    case crypto::ChecksumKind::sha256:
      return 32;
  }
  return 0;
}

}  // namespace

S3Status check_bucket_name(std::string_view name) {
  const std::string_view rule = broken_rule(name);
  if (rule.empty()) return {};
  return s3_fail(S3Code::invalid_bucket_name,
                 fmt::format("'{}' is no bucket name: a bucket name {}", name, rule));
}

S3Status check_key(std::string_view key) {
  if (key.empty()) return s3_fail(S3Code::invalid_argument, "the key is empty");
  if (key.size() > kMaxKeyBytes) {
    return s3_fail(S3Code::key_too_long,
                   fmt::format("the key has {} bytes, at most {} are allowed", key.size(), kMaxKeyBytes));
  }
  if (!is_utf8(key)) return s3_fail(S3Code::invalid_argument, "the key is not UTF-8");
  return {};
}

S3Status check_metadata(const HeaderMap& headers, const HeaderMap& metadata) {
  std::size_t bytes = 0;
  for (const HeaderMap* map : {&headers, &metadata}) {
    for (const auto& [name, value] : *map) {
      if (!is_utf8(name) || !is_utf8(value)) {
        return s3_fail(S3Code::invalid_argument, fmt::format("header '{}' is not UTF-8", name));
      }
      if (map == &metadata) bytes += name.size() + value.size();
    }
  }
  if (bytes > kMaxMetadataBytes) {
    return s3_fail(
        S3Code::metadata_too_large,
        fmt::format("the user metadata has {} bytes, at most {} are allowed", bytes, kMaxMetadataBytes));
  }
  return {};
}

S3Status check_tags(const TagMap& tags) {
  if (tags.size() > kMaxTags) {
    return s3_fail(S3Code::invalid_tag,
                   fmt::format("an object has at most {} tags, {} were given", kMaxTags, tags.size()));
  }
  for (const auto& [key, value] : tags) {
    if (!is_utf8(key) || !is_utf8(value)) return s3_fail(S3Code::invalid_tag, "a tag is not UTF-8");
    if (key.empty() || characters(key) > kMaxTagKey || key.starts_with("aws:")) {
      return s3_fail(S3Code::invalid_tag,
                     fmt::format("tag key '{}': a key has 1 to {} characters and does not begin with 'aws:'",
                                 key, kMaxTagKey));
    }
    if (characters(value) > kMaxTagValue) {
      return s3_fail(S3Code::invalid_tag,
                     fmt::format("the value of tag '{}' has more than {} characters", key, kMaxTagValue));
    }
  }
  return {};
}

S3Status check_content_md5(std::string_view base64) {
  const std::optional<std::string> bytes = crypto::from_base64(base64);
  if (bytes && bytes->size() == crypto::digest_bytes(crypto::DigestKind::md5)) return {};
  return s3_fail(S3Code::invalid_digest, fmt::format("Content-MD5 '{}' is not the base64 of 16 bytes", base64));
}

S3Status check_checksum(crypto::ChecksumKind kind, std::string_view base64) {
  const std::optional<std::string> bytes = crypto::from_base64(base64);
  if (bytes && bytes->size() == checksum_bytes(kind)) return {};
  return s3_fail(S3Code::invalid_request, fmt::format("'{}' is not the base64 of a {}'s {} bytes", base64,
                                                      crypto::checksum_name(kind), checksum_bytes(kind)));
}

S3Status check_part_number(int number) {
  if (number >= 1 && number <= kMaxPartNumber) return {};
  return s3_fail(S3Code::invalid_argument,
                 fmt::format("part number {} is not between 1 and {}", number, kMaxPartNumber));
}

}  // namespace outcrop::store::objects
