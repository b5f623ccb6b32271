#include "object_conformance.h"

namespace outcrop::store::test {
namespace {

TEST_P(ObjectConformance, CopiesWithoutCopyingBytes) {
  value_of(put(PutRequest{.name = named("a"), .metadata = {{"m", "1"}}, .tags = {{"t", "1"}}}, "hello"));
  const ObjectInfo copy =
      value_of(service_->copy({.target = named("b"), .source_bucket = kBucket, .source_key = "a"}));
  EXPECT_EQ(copy.metadata.at("m"), "1");
  EXPECT_EQ(copy.tag_count, 1U);
  EXPECT_EQ(blob_files(), 1U);
  EXPECT_OK(service_->remove(named("a"), ""));
  EXPECT_EQ(get("b"), "hello") << "the copy still needs the blob";
  EXPECT_OK(service_->remove(named("b"), ""));
  EXPECT_EQ(blob_files(), 0U);
}

TEST_P(ObjectConformance, ReplacesMetadataAndTagsOfACopyWhenAsked) {
  value_of(put(
      PutRequest{.name = named("a"), .headers = {{"content-type", "text/plain"}}, .tags = {{"t", "1"}}}, "x"));
  const ObjectInfo copy = value_of(service_->copy({.target = named("a"),
                                                   .source_bucket = kBucket,
                                                   .source_key = "a",
                                                   .replace_metadata = true,
                                                   .metadata = {{"m", "2"}},
                                                   .replace_tags = true}));
  EXPECT_TRUE(copy.headers.empty());
  EXPECT_EQ(copy.metadata.at("m"), "2");
  EXPECT_EQ(copy.tag_count, 0U);
  EXPECT_EQ(get("a"), "x");
  EXPECT_EQ(code_of(service_->copy({.target = named("a"), .source_bucket = kBucket, .source_key = "a"})),
            S3Code::invalid_request);
}

TEST_P(ObjectConformance, CopiesUnderConditionsOnTheSource) {
  const std::string etag = put("a", "hello").summary.etag;
  CopyRequest request{.target = named("b"), .source_bucket = kBucket, .source_key = "a"};
  request.source_conditions.if_none_match = etag;
  EXPECT_EQ(code_of(service_->copy(request)), S3Code::precondition_failed);
  request.source_conditions = {.if_match = "other"};
  EXPECT_EQ(code_of(service_->copy(request)), S3Code::precondition_failed);
  request.source_conditions = {.if_match = etag};
  EXPECT_OK(service_->copy(request));
  request.source_key = "none";
  EXPECT_EQ(code_of(service_->copy(request)), S3Code::no_such_key);
}

TEST_P(ObjectConformance, GivesACopyTheChecksumThatIsAskedFor) {
  put("a", "hello");
  const ObjectInfo copy = value_of(service_->copy({.target = named("b"),
                                                   .source_bucket = kBucket,
                                                   .source_key = "a",
                                                   .checksum_kind = crypto::ChecksumKind::crc32}));
  EXPECT_EQ(copy.summary.checksum.value, "NhCmhg==");
  EXPECT_EQ(copy.summary.etag, "5d41402abc4b2a76b9719d911017c592");
}

}  // namespace
}  // namespace outcrop::store::test
