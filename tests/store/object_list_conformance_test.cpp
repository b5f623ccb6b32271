#include "object_conformance.h"

#include <chrono>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace outcrop::store::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Rows without bytes, all in one transaction.
void add_keys(ObjectIndex& index, const std::vector<std::string>& keys) {
  EXPECT_OK(index.write([&](ObjectTransaction& transaction) -> Status {
    OUTCROP_TRY(const std::optional<Bucket> bucket, transaction.bucket(kBucket));
    for (const std::string& key : keys) {
      ObjectVersion version;
      version.bucket = bucket->id;
      version.summary.key = key;
      version.summary.version_id = "null";
      OUTCROP_CHECK_OK(transaction.insert_version(version, {}, {}));
    }
    return {};
  }));
}

TEST_P(ObjectConformance, ListsInTheOrderOfBytes) {
  add_keys(database_->objects(),
           {"b", "a", "B", "\xc3\xa4", "a/b", "a-", "\xf0\x9f\xa6\x80", "\xef\xbf\xbd", ""});
  // U+1F980 sorts behind U+FFFD, unlike in UTF-16.
  EXPECT_THAT(keys_of(value_of(service_->list({.account = kAccount, .bucket = kBucket})).objects),
              ElementsAre("", "B", "a", "a-", "a/b", "b", "\xc3\xa4", "\xef\xbf\xbd", "\xf0\x9f\xa6\x80"));
}

TEST_P(ObjectConformance, FoldsKeysIntoCommonPrefixes) {
  add_keys(database_->objects(),
           {"sample.jpg", "photos/2006/January/sample.jpg", "photos/2006/February/sample2.jpg",
            "photos/2006/February/sample3.jpg", "photos/2006/index", "photos"});
  ListRequest request{.account = kAccount, .bucket = kBucket, .delimiter = "/"};
  ObjectList list = value_of(service_->list(request));
  EXPECT_THAT(keys_of(list.objects), ElementsAre("photos", "sample.jpg"));
  EXPECT_THAT(list.common_prefixes, ElementsAre("photos/"));
  request.prefix = "photos/2006/";
  list = value_of(service_->list(request));
  EXPECT_THAT(keys_of(list.objects), ElementsAre("photos/2006/index"));
  EXPECT_THAT(list.common_prefixes, ElementsAre("photos/2006/February/", "photos/2006/January/"));
  request.prefix = "photos/2006/F";
  EXPECT_THAT(value_of(service_->list(request)).common_prefixes, ElementsAre("photos/2006/February/"));
  request = {.account = kAccount, .bucket = kBucket, .prefix = "photos/2006/", .delimiter = "uary/"};
  EXPECT_THAT(value_of(service_->list(request)).common_prefixes,
              ElementsAre("photos/2006/February/", "photos/2006/January/"));
}

TEST_P(ObjectConformance, PagesWithTokensAndMarkersThroughKeysAndPrefixes) {
  add_keys(database_->objects(), {"a", "b/1", "b/2", "c", "d/1", "d/2", "e"});
  for (const bool by_marker : {false, true}) {
    ListRequest request{.account = kAccount, .bucket = kBucket, .delimiter = "/", .max_keys = 2};
    std::vector<std::string> seen;
    while (true) {
      const ObjectList list = value_of(service_->list(request));
      for (const std::string& key : keys_of(list.objects)) seen.push_back(key);
      for (const std::string& prefix : list.common_prefixes) seen.push_back(prefix);
      EXPECT_LE(list.objects.size() + list.common_prefixes.size(), 2U);
      if (!list.truncated) break;
      (by_marker ? request.marker : request.continuation_token) =
          by_marker ? list.next_marker : list.next_token;
    }
    EXPECT_THAT(seen, ElementsAre("a", "b/", "c", "d/", "e")) << by_marker;
  }
}

TEST_P(ObjectConformance, StartsAfterAKey) {
  add_keys(database_->objects(), {"a", "a1", "b", "p/1", "p/2"});
  const auto after = [&](const std::string& key, const std::string& prefix = "") {
    return keys_of(
        value_of(service_->list({.account = kAccount, .bucket = kBucket, .prefix = prefix, .start_after = key}))
            .objects);
  };
  EXPECT_THAT(after("a"), ElementsAre("a1", "b", "p/1", "p/2"));
  EXPECT_THAT(after("a0"), ElementsAre("a1", "b", "p/1", "p/2"));
  EXPECT_THAT(after("a", "p/"), ElementsAre("p/1", "p/2"));
  EXPECT_THAT(after("p/1", "p/"), ElementsAre("p/2"));
  EXPECT_THAT(after("q", "p/"), IsEmpty());
}

TEST_P(ObjectConformance, BoundsPagesAndRefusesForeignTokens) {
  add_keys(database_->objects(), {"a", "b"});
  ObjectList list = value_of(service_->list({.account = kAccount, .bucket = kBucket, .max_keys = 0}));
  EXPECT_THAT(list.objects, IsEmpty());
  EXPECT_FALSE(list.truncated);
  list = value_of(service_->list({.account = kAccount, .bucket = kBucket, .max_keys = 2}));
  EXPECT_FALSE(list.truncated) << "a full last page";
  for (const char* token : {"?", "YWJj", "="}) {
    EXPECT_EQ(code_of(service_->list({.account = kAccount, .bucket = kBucket, .continuation_token = token})),
              S3Code::invalid_argument);
  }
  EXPECT_EQ(code_of(service_->list({.account = kAccount, .bucket = "none"})), S3Code::no_such_bucket);
}

TEST_P(ObjectConformance, ListsTenThousandKeysWithADelimiterRightAndFast) {
  constexpr int kFolders = 100;
  constexpr int kInEach = 100;
  std::vector<std::string> keys;
  for (int f = 0; f < kFolders; ++f) {
    for (int k = 0; k < kInEach; ++k) keys.push_back(fmt::format("folder-{:03}/object-{:03}", f, k));
  }
  add_keys(database_->objects(), keys);

  const auto begin = std::chrono::steady_clock::now();
  const ObjectList folded =
      value_of(service_->list({.account = kAccount, .bucket = kBucket, .delimiter = "/"}));
  const auto folding = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(folded.common_prefixes.size(), static_cast<std::size_t>(kFolders));
  EXPECT_FALSE(folded.truncated);

  std::vector<std::string> seen;
  ListRequest request{.account = kAccount, .bucket = kBucket};
  ObjectList list;
  do {
    list = value_of(service_->list(request));
    for (std::string& key : keys_of(list.objects)) seen.push_back(std::move(key));
    request.continuation_token = list.next_token;
  } while (list.truncated);
  const auto all = std::chrono::steady_clock::now() - begin - folding;
  EXPECT_EQ(seen, keys);
  // A scan of every row for each of the 100 prefixes would take seconds; a hundred seeks take one or two
  // milliseconds. The bound leaves room for a busy machine and for sanitizers.
  EXPECT_LT(folding, std::chrono::milliseconds(500));
  RecordProperty("folding_us",
                 static_cast<int>(std::chrono::duration_cast<std::chrono::microseconds>(folding).count()));
  RecordProperty("all_us",
                 static_cast<int>(std::chrono::duration_cast<std::chrono::microseconds>(all).count()));
}

}  // namespace
}  // namespace outcrop::store::test
