#include "object_conformance.h"

#include <gmock/gmock.h>

namespace outcrop::store::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST_P(ObjectConformance, KeepsEveryVersionOnceVersioningIsEnabled) {
  put("key", "before");
  EXPECT_OK(service_->set_versioning(kAccount, kBucket, Versioning::enabled));
  const std::string first = put("key", "first").summary.version_id;
  const std::string second = put("key", "second").summary.version_id;
  EXPECT_NE(first, second);
  EXPECT_EQ(get("key"), "second");
  EXPECT_EQ(get({.name = named("key"), .version_id = first}), "first");
  EXPECT_EQ(get({.name = named("key"), .version_id = "null"}), "before");
  EXPECT_EQ(code_of(service_->get({.name = named("key"), .version_id = "none"})), S3Code::no_such_version);
  EXPECT_EQ(blob_files(), 3U);
  EXPECT_EQ(code_of(service_->set_versioning(kAccount, kBucket, Versioning::off)), S3Code::invalid_argument);
}

TEST_P(ObjectConformance, HidesADeletedObjectBehindAMarker) {
  EXPECT_OK(service_->set_versioning(kAccount, kBucket, Versioning::enabled));
  const std::string version = put("key", "bytes").summary.version_id;
  const DeleteResult deleted = value_of(service_->remove(named("key"), ""));
  EXPECT_TRUE(deleted.delete_marker);
  const auto latest = service_->get({.name = named("key")});
  EXPECT_EQ(code_of(latest), S3Code::no_such_key);
  EXPECT_EQ(latest.error().delete_marker_version, deleted.version_id);
  EXPECT_EQ(code_of(service_->head({.name = named("key"), .version_id = deleted.version_id})),
            S3Code::method_not_allowed);
  EXPECT_EQ(get({.name = named("key"), .version_id = version}), "bytes");
  EXPECT_THAT(value_of(service_->list({.account = kAccount, .bucket = kBucket})).objects, IsEmpty());
  EXPECT_OK(put(PutRequest{.name = named("key"), .if_none_match = "*"}, "again"));

  EXPECT_EQ(value_of(service_->remove(named("key"),
                                      value_of(service_->head({.name = named("key")})).info.summary.version_id))
                .delete_marker,
            false);
  EXPECT_TRUE(value_of(service_->remove(named("key"), deleted.version_id)).delete_marker);
  EXPECT_EQ(get("key"), "bytes") << "without the marker the version below it is the latest again";
  EXPECT_OK(service_->remove(named("key"), version));
  EXPECT_EQ(blob_files(), 0U);
}

TEST_P(ObjectConformance, ReplacesOnlyTheNullVersionWhileSuspended) {
  EXPECT_OK(service_->set_versioning(kAccount, kBucket, Versioning::enabled));
  const std::string kept = put("key", "kept").summary.version_id;
  EXPECT_OK(service_->set_versioning(kAccount, kBucket, Versioning::suspended));
  EXPECT_EQ(put("key", "null-1").summary.version_id, "null");
  put("key", "null-2");
  EXPECT_EQ(get("key"), "null-2");
  EXPECT_EQ(get({.name = named("key"), .version_id = kept}), "kept");
  EXPECT_EQ(blob_files(), 2U);
  const DeleteResult deleted = value_of(service_->remove(named("key"), ""));
  EXPECT_EQ(deleted.version_id, "null");
  EXPECT_TRUE(deleted.delete_marker);
  EXPECT_EQ(blob_files(), 1U);
  EXPECT_EQ(get({.name = named("key"), .version_id = kept}), "kept");
}

TEST_P(ObjectConformance, ListsVersionsNewestFirstAndInPages) {
  EXPECT_OK(service_->set_versioning(kAccount, kBucket, Versioning::enabled));
  std::vector<std::string> expected;
  for (const char* key : {"a", "b", "dir/x"}) {
    std::vector<std::string> ids;
    for (int i = 0; i < 2; ++i) ids.push_back(put(key, "v" + std::to_string(i)).summary.version_id);
    ids.push_back(value_of(service_->remove(named(key), "")).version_id);
    expected.insert(expected.end(), ids.rbegin(), ids.rend());
  }
  for (const int page : {1, 2, 4, 9, 1000}) {
    std::vector<std::string> seen;
    ListVersionsRequest request{.account = kAccount, .bucket = kBucket, .max_keys = page};
    VersionList list;
    do {
      list = value_of(service_->list_versions(request));
      for (const ObjectSummary& version : list.versions) seen.push_back(version.version_id);
      request.key_marker = list.next_key_marker;
      request.version_id_marker = list.next_version_id_marker;
    } while (list.truncated);
    EXPECT_EQ(seen, expected) << page;
  }
  const VersionList all =
      value_of(service_->list_versions({.account = kAccount, .bucket = kBucket, .delimiter = "/"}));
  EXPECT_THAT(all.common_prefixes, ElementsAre("dir/"));
  ASSERT_THAT(all.versions, SizeIs(6));
  EXPECT_TRUE(all.versions[0].latest);
  EXPECT_TRUE(all.versions[0].delete_marker);
  EXPECT_FALSE(all.versions[1].latest);
  const VersionList by_id = value_of(service_->list_versions(
      {.account = kAccount, .bucket = kBucket, .key_marker = "a", .version_id_marker = expected[0]}));
  EXPECT_EQ(by_id.versions.at(0).version_id, expected[1]);
  EXPECT_EQ(
      code_of(service_->list_versions({.account = kAccount, .bucket = kBucket, .version_id_marker = "x"})),
      S3Code::invalid_argument);
}

TEST_P(ObjectConformance, EmptiesABucketPageByPage) {
  EXPECT_OK(service_->set_versioning(kAccount, kBucket, Versioning::enabled));
  for (int i = 0; i < 5; ++i) put("key", std::to_string(i));
  ListVersionsRequest request{.account = kAccount, .bucket = kBucket, .max_keys = 2};
  VersionList list;
  do {
    list = value_of(service_->list_versions(request));
    std::vector<DeleteEntry> entries;
    for (const ObjectSummary& version : list.versions) entries.push_back({version.key, version.version_id});
    EXPECT_OK(service_->remove_many(kAccount, kBucket, entries));
    request.key_marker = list.next_key_marker;
    request.version_id_marker = list.next_version_id_marker;
  } while (list.truncated);
  EXPECT_OK(service_->delete_bucket(kAccount, kBucket));
  EXPECT_EQ(blob_files(), 0U);
}

TEST_P(ObjectConformance, AnswersForEachOfManyDeletions) {
  put("a", "1");
  put("b", "2");
  const auto results = value_of(service_->remove_many(
      kAccount, kBucket, {{"a", ""}, {std::string(1025, 'x'), ""}, {"none", ""}, {"b", "null"}}));
  ASSERT_THAT(results, SizeIs(4));
  EXPECT_TRUE(results[0]);
  EXPECT_EQ(code_of(results[1]), S3Code::key_too_long);
  EXPECT_TRUE(results[2]);
  EXPECT_TRUE(results[3]);
  EXPECT_EQ(blob_files(), 0U);
  EXPECT_EQ(code_of(service_->remove_many(kAccount, kBucket, {})), S3Code::invalid_request);
  EXPECT_EQ(code_of(service_->remove_many(kAccount, kBucket, std::vector<DeleteEntry>(1001))),
            S3Code::invalid_request);
}

}  // namespace
}  // namespace outcrop::store::test
