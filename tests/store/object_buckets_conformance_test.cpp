#include "object_conformance.h"

#include <gmock/gmock.h>

namespace outcrop::store::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_P(ObjectConformance, FollowsTheRulesOfBucketNames) {
  for (const char* name : {"abc", "a.b", "my-bucket-1", "0x0", "a1.b2-c3"}) {
    EXPECT_OK(service_->create_bucket(kAccount, name));
  }
  const std::string long_name(64, 'a');
  for (const std::string& name :
       {std::string("ab"), long_name, std::string("Abc"), std::string("a_b"), std::string("-abc"),
        std::string("abc-"), std::string(".abc"), std::string("a..b"), std::string("192.168.5.4"),
        std::string("xn--abc"), std::string("sthree-abc"), std::string("abc-s3alias"),
        std::string("abc--ol-s3"), std::string("a/b"), std::string(""),
        std::string("b\xc3\xbc"
                    "cket")}) {
    EXPECT_EQ(code_of(service_->create_bucket(kAccount, name)), S3Code::invalid_bucket_name) << name;
  }
}

TEST_P(ObjectConformance, SharesBucketNamesBetweenAccountsAndNothingElse) {
  EXPECT_EQ(code_of(service_->create_bucket(kAccount, kBucket)), S3Code::bucket_already_owned_by_you);
  EXPECT_EQ(code_of(service_->create_bucket(kOtherAccount, kBucket)), S3Code::bucket_already_exists);
  put("key", "bytes");
  const ObjectName theirs{kOtherAccount, kBucket, "key"};
  EXPECT_EQ(code_of(service_->head_bucket(kOtherAccount, kBucket)), S3Code::access_denied);
  EXPECT_EQ(code_of(service_->get({.name = theirs})), S3Code::access_denied);
  EXPECT_EQ(code_of(put(PutRequest{.name = theirs}, "x")), S3Code::access_denied);
  EXPECT_EQ(code_of(service_->remove(theirs, "")), S3Code::access_denied);
  EXPECT_EQ(code_of(service_->list({.account = kOtherAccount, .bucket = kBucket})), S3Code::access_denied);
  EXPECT_EQ(code_of(service_->create_upload({.name = theirs})), S3Code::access_denied);
  ASSERT_TRUE(service_->create_bucket(kOtherAccount, "their-bucket"));
  const CopyRequest steal{
      .target = {kOtherAccount, "their-bucket", "k"}, .source_bucket = kBucket, .source_key = "key"};
  EXPECT_EQ(code_of(service_->copy(steal)), S3Code::access_denied);
}

TEST_P(ObjectConformance, ListsAnAccountsBucketsInPages) {
  for (const char* name : {"aaa", "bbb", "bbc"}) EXPECT_OK(service_->create_bucket(kAccount, name));
  EXPECT_OK(service_->create_bucket(kOtherAccount, "zzz"));
  const auto names = [](const BucketList& list) {
    std::vector<std::string> result;
    for (const Bucket& bucket : list.buckets) result.push_back(bucket.name);
    return result;
  };
  const BucketList first = value_of(service_->list_buckets(kAccount, "", "", 2));
  EXPECT_THAT(names(first), ElementsAre("aaa", "bbb"));
  const BucketList rest = value_of(service_->list_buckets(kAccount, "", first.next_token, 2));
  EXPECT_THAT(names(rest), ElementsAre("bbc", kBucket));
  EXPECT_EQ(rest.next_token, "");
  EXPECT_THAT(names(value_of(service_->list_buckets(kAccount, "bb", "", 10))), ElementsAre("bbb", "bbc"));
}

TEST_P(ObjectConformance, DeletesEmptyBucketsOnly) {
  put("key", "bytes");
  EXPECT_EQ(code_of(service_->delete_bucket(kAccount, kBucket)), S3Code::bucket_not_empty);
  EXPECT_OK(service_->remove(named("key"), ""));
  const Upload upload = value_of(service_->create_upload({.name = named("big")}));
  EXPECT_EQ(code_of(service_->delete_bucket(kAccount, kBucket)), S3Code::bucket_not_empty);
  EXPECT_OK(service_->abort_upload(named("big"), upload.id));
  EXPECT_OK(service_->delete_bucket(kAccount, kBucket));
  EXPECT_EQ(code_of(service_->head_bucket(kAccount, kBucket)), S3Code::no_such_bucket);
  EXPECT_EQ(code_of(service_->get({.name = named("key")})), S3Code::no_such_bucket);
}

TEST_P(ObjectConformance, KeepsNothingOfAPutWhoseBucketWent) {
  ObjectWriter writer = value_of(service_->put({.name = named("key")}));
  EXPECT_OK(writer.write("bytes"));
  EXPECT_OK(service_->delete_bucket(kAccount, kBucket));
  EXPECT_EQ(code_of(writer.commit()), S3Code::no_such_bucket);
  EXPECT_EQ(blob_files(), 0U);
}

}  // namespace
}  // namespace outcrop::store::test
