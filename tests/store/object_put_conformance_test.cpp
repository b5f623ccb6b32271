#include "crypto/base64.h"
#include "object_conformance.h"

#include <filesystem>
#include <thread>

#include <gmock/gmock.h>

namespace outcrop::store::test {
namespace {

using std::chrono::seconds;
using testing::Pair;
using testing::UnorderedElementsAre;

// MD5 of "hello" and of nothing (RFC 1321's functions; md5sum).
constexpr const char* kHelloMd5 = "5d41402abc4b2a76b9719d911017c592";
constexpr const char* kEmptyMd5 = "d41d8cd98f00b204e9800998ecf8427e";

TEST_P(ObjectConformance, GivesBackWhatWasPut) {
  PutRequest request{.name = named("folder/key"),
                     .headers = {{"content-type", "text/plain"}},
                     .metadata = {{"color", "gr\xc3\xbcn"}},
                     .tags = {{"team", "search"}}};
  const ObjectInfo made = value_of(put(request, "hello"));
  EXPECT_EQ(made.summary.etag, kHelloMd5);
  EXPECT_EQ(made.summary.checksum.algorithm, "CRC64NVME");
  EXPECT_EQ(get("folder/key"), "hello");
  const ObjectHead head = value_of(service_->head({.name = named("folder/key")}));
  EXPECT_EQ(head.info.summary.size, 5U);
  EXPECT_EQ(head.info.summary.modified, clock_.now());
  EXPECT_EQ(head.info.headers.at("content-type"), "text/plain");
  EXPECT_EQ(head.info.metadata.at("color"), "gr\xc3\xbcn");
  EXPECT_EQ(head.info.tag_count, 1U);
  EXPECT_FALSE(head.info.versioned);
  EXPECT_FALSE(head.partial);
}

TEST_P(ObjectConformance, StoresEmptyObjectsWithoutABlob) {
  EXPECT_EQ(put("empty", "").summary.etag, kEmptyMd5);
  EXPECT_EQ(get("empty"), "");
  EXPECT_EQ(blob_files(), 0U);
  EXPECT_EQ(code_of(service_->get({.name = named("empty"), .range = ByteRange{.first = 0}})),
            S3Code::invalid_range);
}

TEST_P(ObjectConformance, FreesTheContentOfOverwrittenAndDeletedObjects) {
  put("key", "first");
  put("key", "second");
  EXPECT_EQ(get("key"), "second");
  EXPECT_EQ(blob_files(), 1U);
  EXPECT_OK(service_->remove(named("key"), ""));
  EXPECT_EQ(blob_files(), 0U);
  EXPECT_EQ(code_of(service_->get({.name = named("key")})), S3Code::no_such_key);
  EXPECT_OK(service_->remove(named("key"), ""));
}

TEST_P(ObjectConformance, ReadsOnAfterTheObjectIsOverwritten) {
  put("key", std::string(100'000, 'a'));
  ObjectReader reader = value_of(service_->get({.name = named("key")}));
  put("key", "new");
  EXPECT_EQ(blob_files(), 2U) << "the reader has not opened its blob yet";
  std::vector<std::byte> buffer(200'000);
  EXPECT_EQ(value_of(reader.read(buffer)), 100'000U);
  EXPECT_EQ(buffer[99'999], std::byte{'a'});
  { const ObjectReader last = std::move(reader); }
  EXPECT_EQ(blob_files(), 1U);
}

TEST_P(ObjectConformance, LeavesNothingOfAnAbandonedWriter) {
  {
    ObjectWriter writer = value_of(service_->put({.name = named("key")}));
    EXPECT_OK(writer.write("bytes"));
    EXPECT_EQ(blob_files(), 1U);
  }
  EXPECT_EQ(blob_files(), 0U);
  EXPECT_EQ(code_of(service_->head({.name = named("key")})), S3Code::no_such_key);
}

TEST_P(ObjectConformance, ChecksTheDigestsThatTheClientTells) {
  using enum crypto::ChecksumKind;
  // openssl dgst -binary | base64, and zlib's crc32, of "hello"
  const struct {
    crypto::ChecksumKind kind;
    const char* value;
  } cases[] = {{crc32, "NhCmhg=="},
               {crc32c, "mnG7TA=="},
               {sha1, "qvTGHdzF6KLavt4PO0gs2a6pQ00="},
               {sha256, "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="}};
  for (const auto& [kind, value] : cases) {
    PutRequest request{.name = named("key"), .expected = {.checksum_kind = kind, .checksum = value}};
    const ObjectInfo made = value_of(put(request, "hello"));
    EXPECT_EQ(made.summary.checksum.value, value);
    EXPECT_EQ(made.summary.checksum.algorithm, crypto::checksum_name(kind));
    EXPECT_EQ(made.summary.checksum.type, "FULL_OBJECT");
    EXPECT_EQ(code_of(put(request, "hellO")), S3Code::bad_digest);
    request.expected.checksum = "AAAA";
    EXPECT_EQ(code_of(service_->put(request)), S3Code::invalid_request);
  }
  PutRequest md5{.name = named("key"), .expected = {.content_md5 = "XUFAKrxLKna5cZ2REBfFkg=="}};
  EXPECT_OK(put(md5, "hello"));
  EXPECT_EQ(code_of(put(md5, "other")), S3Code::bad_digest);
  md5.expected.content_md5 = "short";
  EXPECT_EQ(code_of(service_->put(md5)), S3Code::invalid_digest);
  EXPECT_EQ(get("key"), "hello") << "a refused write must not replace the object";
  EXPECT_EQ(blob_files(), 1U);
}

TEST_P(ObjectConformance, ChecksADigestThatComesAfterTheBytes) {
  const PutRequest request{.name = named("key"), .expected = {.checksum_kind = crypto::ChecksumKind::crc32}};
  ObjectWriter good = value_of(service_->put(request));
  EXPECT_OK(good.write("hello"));
  EXPECT_OK(good.commit("NhCmhg=="));
  ObjectWriter bad = value_of(service_->put(request));
  EXPECT_OK(bad.write("hello!"));
  EXPECT_EQ(code_of(bad.commit("NhCmhg==")), S3Code::bad_digest);
}

TEST_P(ObjectConformance, RefusesWhatIsTooLarge) {
  ObjectWriter writer = value_of(service_->put({.name = named("key")}));
  EXPECT_OK(writer.write(std::string(8 << 20, 'x')));
  EXPECT_EQ(code_of(writer.write("x")), S3Code::entity_too_large);
  EXPECT_EQ(code_of(service_->put({.name = named("key"), .metadata = {{"k", std::string(2048, 'x')}}})),
            S3Code::metadata_too_large);
  EXPECT_EQ(code_of(service_->put({.name = named(std::string(1025, 'k'))})), S3Code::key_too_long);
  EXPECT_EQ(code_of(service_->put({.name = named("")})), S3Code::invalid_argument);
  EXPECT_EQ(code_of(service_->put({.name = named("\xff")})), S3Code::invalid_argument);
}

TEST_P(ObjectConformance, WritesUnderConditions) {
  EXPECT_EQ(code_of(put(PutRequest{.name = named("key"), .if_match = kHelloMd5}, "x")), S3Code::no_such_key);
  EXPECT_OK(put(PutRequest{.name = named("key"), .if_none_match = "*"}, "hello"));
  EXPECT_EQ(code_of(put(PutRequest{.name = named("key"), .if_none_match = "*"}, "x")),
            S3Code::precondition_failed);
  EXPECT_EQ(code_of(put(PutRequest{.name = named("key"), .if_none_match = "\"abc\""}, "x")),
            S3Code::invalid_argument);
  EXPECT_OK(put(PutRequest{.name = named("key"), .if_match = std::string("\"") + kHelloMd5 + "\""}, "new"));
  EXPECT_EQ(code_of(put(PutRequest{.name = named("key"), .if_match = kHelloMd5}, "x")),
            S3Code::precondition_failed);
  EXPECT_EQ(get("key"), "new");
}

TEST_P(ObjectConformance, LetsOneOfManyConditionalWritersWin) {
  std::atomic<int> winners{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 6; ++t) {
      threads.emplace_back([&] {
        if (put(PutRequest{.name = named("lock"), .if_none_match = "*"}, "mine")) ++winners;
      });
    }
  }
  EXPECT_EQ(winners, 1);
  EXPECT_EQ(blob_files(), 1U);
}

TEST_P(ObjectConformance, ReadsUnderConditions) {
  const std::string etag = put("key", "hello").summary.etag;
  const Time modified = clock_.now();
  const auto head = [&](Conditions conditions) {
    const auto result = service_->head({.name = named("key"), .conditions = std::move(conditions)});
    return result ? std::string("ok") : std::string(to_string(result.error().code));
  };
  EXPECT_EQ(head({.if_match = etag}), "ok");
  EXPECT_EQ(head({.if_match = "\"other\", \"" + etag + "\""}), "ok");
  EXPECT_EQ(head({.if_match = "*"}), "ok");
  EXPECT_EQ(head({.if_match = "other"}), "PreconditionFailed");
  EXPECT_EQ(head({.if_none_match = "W/\"" + etag + "\""}), "NotModified");
  EXPECT_EQ(head({.if_none_match = "other"}), "ok");
  EXPECT_EQ(head({.if_modified_since = modified}), "NotModified");
  EXPECT_EQ(head({.if_modified_since = modified - seconds(1)}), "ok");
  EXPECT_EQ(head({.if_unmodified_since = modified}), "ok");
  EXPECT_EQ(head({.if_unmodified_since = modified - seconds(1)}), "PreconditionFailed");
  // S3's table: an ETag that matches goes before the dates, in both directions.
  EXPECT_EQ(head({.if_match = etag, .if_unmodified_since = modified - seconds(1)}), "ok");
  EXPECT_EQ(head({.if_none_match = etag, .if_modified_since = modified - seconds(1)}), "NotModified");
}

TEST_P(ObjectConformance, ReadsRanges) {
  put("key", "0123456789");
  const auto range = [&](ByteRange r) { return get({.name = named("key"), .range = r}); };
  EXPECT_EQ(range({.first = 2, .last = 4}), "234");
  EXPECT_EQ(range({.first = 7}), "789");
  EXPECT_EQ(range({.last = 3}), "789");
  EXPECT_EQ(range({.last = 30}), "0123456789");
  EXPECT_EQ(range({.first = 8, .last = 100}), "89");
  const auto failure = [&](ByteRange r) { return code_of(service_->get({.name = named("key"), .range = r})); };
  EXPECT_EQ(failure({.first = 10}), S3Code::invalid_range);
  EXPECT_EQ(failure({.last = 0}), S3Code::invalid_range);
  EXPECT_EQ(failure({.first = 5, .last = 4}), S3Code::invalid_argument);
  const ObjectHead head =
      value_of(service_->head({.name = named("key"), .range = ByteRange{.first = 2, .last = 4}}));
  EXPECT_TRUE(head.partial);
  EXPECT_EQ(head.offset, 2U);
  EXPECT_EQ(head.size, 3U);
}

TEST_P(ObjectConformance, TagsObjectsWithinS3sBounds) {
  put("key", "x");
  EXPECT_OK(service_->set_tags(named("key"), "", {{"a", "1"}, {"b", ""}}));
  EXPECT_THAT(value_of(service_->tags(named("key"), "")), UnorderedElementsAre(Pair("a", "1"), Pair("b", "")));
  EXPECT_OK(service_->set_tags(named("key"), "", {}));
  EXPECT_TRUE(value_of(service_->tags(named("key"), "")).empty());
  TagMap eleven;
  for (int i = 0; i < 11; ++i) eleven[std::to_string(i)] = "v";
  std::string umlauts;
  for (int i = 0; i < 128; ++i) umlauts += "\xc3\xbc";
  EXPECT_OK(service_->set_tags(named("key"), "", {{umlauts, "v"}}));
  for (const TagMap& bad : {eleven, TagMap{{"", "v"}}, TagMap{{umlauts + "x", "v"}}, TagMap{{"aws:x", "v"}},
                            TagMap{{"k", std::string(257, 'v')}}, TagMap{{"k", "\xff"}}}) {
    EXPECT_EQ(code_of(service_->set_tags(named("key"), "", bad)), S3Code::invalid_tag);
  }
  EXPECT_EQ(code_of(service_->tags(named("none"), "")), S3Code::no_such_key);
}

TEST_P(ObjectConformance, KeepsHostileKeysInTheCatalogueOnly) {
  std::string every_byte;
  for (int c = 0; c < 128; ++c) every_byte += static_cast<char>(c);
  const std::vector<std::string> keys = {"..",
                                         ".",
                                         "/",
                                         "//",
                                         "../../etc/passwd",
                                         "/etc/passwd",
                                         "a//b",
                                         "a/../b",
                                         std::string("nul\0byte", 8),
                                         std::string(1, '\0'),
                                         "%2e%2e%2f",
                                         "a\\b",
                                         "C:\\x",
                                         "CON",
                                         "key",
                                         "KEY",
                                         "trailing ",
                                         " leading",
                                         "'; DROP TABLE buckets",
                                         std::string(1024, 'k'),
                                         every_byte,
                                         "\xf0\x9f\xa6\x80",
                                         "\xef\xbb\xbf"};
  for (const std::string& key : keys) put(key, "content of " + key);
  for (const std::string& key : keys) EXPECT_EQ(get(key), "content of " + key);
  std::vector<std::string> sorted = keys;
  std::ranges::sort(sorted, [](const std::string& a, const std::string& b) { return a.compare(b) < 0; });
  EXPECT_EQ(keys_of(value_of(service_->list({.account = kAccount, .bucket = kBucket})).objects), sorted);
  // Nothing but two-digit folders with blobs, however the keys look.
  EXPECT_EQ(blob_files(), keys.size());
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    EXPECT_THAT(entry.path().filename().string(),
                testing::AnyOf("objects", "outcrop.db", "outcrop.db-wal", "outcrop.db-shm"));
  }
  for (const std::string& key : keys) EXPECT_OK(service_->remove(named(key), ""));
  EXPECT_EQ(blob_files(), 0U);
}

}  // namespace
}  // namespace outcrop::store::test
