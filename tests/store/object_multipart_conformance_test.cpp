#include "crypto/base64.h"
#include "crypto/digest.h"
#include "crypto/hex.h"
#include "object_conformance.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace outcrop::store::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::size_t kMinPart = 5 << 20;

/// Bytes that differ from place to place.
std::string pattern(std::size_t size, unsigned seed) {
  std::string bytes(size, '\0');
  std::uint32_t state = seed;
  for (char& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

std::string md5_bytes(std::string_view bytes) {
  crypto::Md5 md5;
  md5.update(bytes);
  return crypto::from_hex(md5.finish_hex()).value();
}

std::string md5_hex(std::string_view bytes) {
  crypto::Md5 md5;
  md5.update(bytes);
  return md5.finish_hex();
}

std::string checksum_of(crypto::ChecksumKind kind, std::string_view bytes) {
  crypto::Checksum checksum(kind);
  checksum.update(bytes);
  return checksum.finish_base64();
}

TEST_P(ObjectConformance, AssemblesAnObjectFromItsParts) {
  const std::string one = pattern(kMinPart, 1);
  const std::string two = pattern(kMinPart + 7, 2);
  const std::string three = "the last part may be small";
  const ObjectName name = named("big");
  const Upload upload =
      value_of(service_->create_upload({.name = name, .metadata = {{"m", "1"}}, .tags = {{"t", "1"}}}));
  CompleteRequest complete{.name = name, .upload_id = upload.id};
  complete.parts = {{2, upload_part(name, upload.id, 2, one), {}},
                    {5, "\"" + upload_part(name, upload.id, 5, two) + "\"", {}},
                    {10'000, upload_part(name, upload.id, 10'000, three), {}}};
  complete.checksum = checksum_of(crypto::ChecksumKind::crc64nvme, one + two + three);
  const ObjectInfo made = value_of(service_->complete_upload(complete));
  EXPECT_EQ(made.summary.etag, md5_hex(md5_bytes(one) + md5_bytes(two) + md5_bytes(three)) + "-3");
  EXPECT_EQ(made.summary.checksum.value, complete.checksum) << "joined from the parts' checksums";
  EXPECT_EQ(made.summary.checksum.type, "FULL_OBJECT");
  EXPECT_EQ(made.metadata.at("m"), "1");
  EXPECT_EQ(made.tag_count, 1U);
  EXPECT_TRUE(get("big") == one + two + three);
  const std::uint64_t border = one.size();
  EXPECT_EQ(get({.name = name, .range = ByteRange{.first = border - 3, .last = border + 2}}),
            one.substr(border - 3) + two.substr(0, 3));
  EXPECT_EQ(get({.name = name, .part_number = 10'000}), three);
  EXPECT_EQ(code_of(service_->head({.name = name, .part_number = 3})), S3Code::invalid_range);
  EXPECT_EQ(code_of(service_->complete_upload(complete)), S3Code::no_such_upload);
  EXPECT_EQ(blob_files(), 3U);

  // A copy of it is one piece again.
  const ObjectInfo copy =
      value_of(service_->copy({.target = named("copy"), .source_bucket = kBucket, .source_key = "big"}));
  EXPECT_EQ(copy.summary.etag, md5_hex(one + two + three));
  EXPECT_EQ(blob_files(), 3U);
}

TEST_P(ObjectConformance, ChecksTheListOfPartsBeforeItMakesTheObject) {
  const ObjectName name = named("big");
  const Upload upload = value_of(service_->create_upload({.name = name}));
  const std::string one = upload_part(name, upload.id, 1, "too small to be followed");
  const std::string two = upload_part(name, upload.id, 2, "end");
  const auto complete = [&](std::vector<CompletedPart> parts) {
    return code_of(
        service_->complete_upload({.name = name, .upload_id = upload.id, .parts = std::move(parts)}));
  };
  EXPECT_EQ(complete({}), S3Code::invalid_request);
  EXPECT_EQ(complete({{2, two, {}}, {1, one, {}}}), S3Code::invalid_part_order);
  EXPECT_EQ(complete({{1, one, {}}, {1, one, {}}}), S3Code::invalid_part_order);
  EXPECT_EQ(complete({{1, two, {}}}), S3Code::invalid_part);
  EXPECT_EQ(complete({{3, one, {}}}), S3Code::invalid_part);
  EXPECT_EQ(complete({{0, one, {}}}), S3Code::invalid_argument);
  EXPECT_EQ(complete({{1, one, {}}, {2, two, {}}}), S3Code::entity_too_small);
  EXPECT_EQ(complete({{1, one, "AAAAAAAAAAA="}}), S3Code::invalid_part);
  EXPECT_EQ(code_of(service_->complete_upload(
                {.name = name, .upload_id = upload.id, .parts = {{2, two, {}}}, .checksum = "AAAAAAAAAAA="})),
            S3Code::bad_digest);
  EXPECT_EQ(code_of(service_->complete_upload(
                {.name = name, .upload_id = upload.id, .parts = {{2, two, {}}}, .size = 4})),
            S3Code::invalid_request);
  EXPECT_EQ(code_of(service_->head({.name = name})), S3Code::no_such_key);
  EXPECT_OK(
      service_->complete_upload({.name = name, .upload_id = upload.id, .parts = {{2, two, {}}}, .size = 3}));
  EXPECT_EQ(get("big"), "end");
  EXPECT_EQ(blob_files(), 1U) << "parts that are not in the list go";
}

TEST_P(ObjectConformance, MakesCompositeChecksumsOfParts) {
  using enum crypto::ChecksumKind;
  const std::string one = pattern(kMinPart, 3);
  for (const crypto::ChecksumKind kind : {sha256, sha1, crc32, crc32c}) {
    const ObjectName name = named(crypto::checksum_name(kind));
    const Upload upload = value_of(service_->create_upload({.name = name, .checksum_kind = kind}));
    EXPECT_EQ(upload.checksum_type, "COMPOSITE");
    const std::string first = upload_part(name, upload.id, 1, one);
    const std::string second = upload_part(name, upload.id, 2, "x");
    const ObjectInfo made =
        value_of(service_->complete_upload({.name = name,
                                            .upload_id = upload.id,
                                            .parts = {{1, first, checksum_of(kind, one)}, {2, second, {}}}}));
    const std::string joined = crypto::from_base64(checksum_of(kind, one)).value() +
                               crypto::from_base64(checksum_of(kind, "x")).value();
    EXPECT_EQ(made.summary.checksum.value, checksum_of(kind, joined) + "-2");
  }
}

TEST_P(ObjectConformance, AllowsTheChecksumTypesThatS3Has) {
  using enum crypto::ChecksumKind;
  const auto create = [&](crypto::ChecksumKind kind, const char* type) {
    return service_->create_upload({.name = named("k"), .checksum_kind = kind, .checksum_type = type})
        .has_value();
  };
  EXPECT_TRUE(create(crc32, "FULL_OBJECT"));
  EXPECT_TRUE(create(crc32c, "COMPOSITE"));
  EXPECT_TRUE(create(crc64nvme, "FULL_OBJECT"));
  EXPECT_FALSE(create(crc64nvme, "COMPOSITE"));
  EXPECT_FALSE(create(sha1, "FULL_OBJECT"));
  EXPECT_FALSE(create(sha256, "FULL_OBJECT"));
  EXPECT_FALSE(create(crc32, "other"));
}

TEST_P(ObjectConformance, ReplacesAPartThatIsUploadedAgain) {
  const ObjectName name = named("big");
  const Upload upload = value_of(service_->create_upload({.name = name}));
  upload_part(name, upload.id, 1, "first");
  const std::string etag = upload_part(name, upload.id, 1, "second");
  EXPECT_EQ(blob_files(), 1U);
  EXPECT_OK(service_->complete_upload({.name = name, .upload_id = upload.id, .parts = {{1, etag, {}}}}));
  EXPECT_EQ(get("big"), "second");
}

TEST_P(ObjectConformance, RefusesPartsOfUploadsThatAreNotThere) {
  const ObjectName name = named("big");
  const Upload upload = value_of(service_->create_upload({.name = name}));
  EXPECT_EQ(code_of(service_->upload_part({.name = name, .upload_id = "none", .part_number = 1})),
            S3Code::no_such_upload);
  EXPECT_EQ(code_of(service_->upload_part({.name = named("other"), .upload_id = upload.id, .part_number = 1})),
            S3Code::no_such_upload);
  for (const int number : {0, -1, 10'001}) {
    EXPECT_EQ(code_of(service_->upload_part({.name = name, .upload_id = upload.id, .part_number = number})),
              S3Code::invalid_argument);
  }
  EXPECT_EQ(code_of(service_->upload_part({.name = name,
                                           .upload_id = upload.id,
                                           .part_number = 1,
                                           .expected = {.checksum_kind = crypto::ChecksumKind::sha1}})),
            S3Code::invalid_request);
  PartWriter writer = value_of(service_->upload_part({.name = name, .upload_id = upload.id, .part_number = 1}));
  EXPECT_OK(writer.write("bytes"));
  EXPECT_OK(service_->abort_upload(name, upload.id));
  EXPECT_EQ(code_of(writer.commit()), S3Code::no_such_upload);
  EXPECT_EQ(code_of(service_->abort_upload(name, upload.id)), S3Code::no_such_upload);
  EXPECT_EQ(blob_files(), 0U);
}

TEST_P(ObjectConformance, CopiesRangesOfObjectsAsParts) {
  const std::string source = pattern(kMinPart + 100, 4);
  put("source", source);
  const ObjectName name = named("big");
  const Upload upload = value_of(service_->create_upload({.name = name}));
  CopyPartRequest request{.name = name,
                          .upload_id = upload.id,
                          .part_number = 1,
                          .source_bucket = kBucket,
                          .source_key = "source",
                          .source_range = ByteRange{.first = 50, .last = 49 + kMinPart}};
  const UploadPart first = value_of(service_->copy_part(request));
  EXPECT_EQ(first.etag, md5_hex(std::string_view(source).substr(50, kMinPart)));
  request.part_number = 2;
  request.source_range = {};
  const UploadPart second = value_of(service_->copy_part(request));
  EXPECT_OK(service_->remove(named("source"), ""));
  EXPECT_OK(service_->complete_upload(
      {.name = name, .upload_id = upload.id, .parts = {{1, first.etag, {}}, {2, second.etag, {}}}}));
  EXPECT_TRUE(get("big") == source.substr(50, kMinPart) + source);
  EXPECT_EQ(blob_files(), 1U) << "both parts are pieces of the source's blob";
  EXPECT_OK(service_->remove(name, ""));
  EXPECT_EQ(blob_files(), 0U);
}

TEST_P(ObjectConformance, ListsPartsAndUploadsInPages) {
  const ObjectName name = named("a");
  const Upload upload = value_of(service_->create_upload({.name = name}));
  for (const int number : {7, 1, 3}) upload_part(name, upload.id, number, fmt::format("part {}", number));
  PartList parts = value_of(service_->list_parts(name, upload.id, 0, 2));
  ASSERT_THAT(parts.parts, SizeIs(2));
  EXPECT_TRUE(parts.truncated);
  EXPECT_EQ(parts.next_part_number_marker, 3);
  parts = value_of(service_->list_parts(name, upload.id, 3, 2));
  ASSERT_THAT(parts.parts, SizeIs(1));
  EXPECT_EQ(parts.parts[0].number, 7);
  EXPECT_FALSE(parts.truncated);

  std::vector<std::string> expected = {upload.id};
  for (const char* key : {"a", "dir/x", "z"}) {
    expected.push_back(value_of(service_->create_upload({.name = named(key)})).id);
  }
  std::vector<std::string> seen;
  ListUploadsRequest request{.account = kAccount, .bucket = kBucket, .max_uploads = 1};
  UploadList list;
  do {
    list = value_of(service_->list_uploads(request));
    for (const Upload& one : list.uploads) {
      seen.push_back(one.id);
      EXPECT_OK(service_->abort_upload(named(one.key), one.id));  // the marker must do without its row
    }
    request.key_marker = list.next_key_marker;
    request.upload_id_marker = list.next_upload_id_marker;
  } while (list.truncated);
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(blob_files(), 0U);

  value_of(service_->create_upload({.name = named("dir/y")}));
  list = value_of(service_->list_uploads({.account = kAccount, .bucket = kBucket, .delimiter = "/"}));
  EXPECT_THAT(list.common_prefixes, ElementsAre("dir/"));
  EXPECT_THAT(list.uploads, IsEmpty());
}

}  // namespace
}  // namespace outcrop::store::test
