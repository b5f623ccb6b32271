#include "store/objects/rules.h"
#include "store/objects/state.h"

#include <algorithm>

#include <fmt/format.h>

namespace outcrop::store {

using objects::find_bucket;

S3Result<Bucket> ObjectService::create_bucket(std::string_view account, std::string_view name) {
  OUTCROP_CHECK_OK(objects::check_bucket_name(name));
  return state_->write([&](ObjectTransaction& transaction) -> S3Result<Bucket> {
    OUTCROP_TRY(const std::optional<Bucket> present, transaction.bucket(name));
    if (present && present->account == account) {
      return s3_fail(S3Code::bucket_already_owned_by_you, fmt::format("bucket '{}' is yours already", name));
    }
    if (present) return s3_fail(S3Code::bucket_already_exists, fmt::format("bucket name '{}' is taken", name));
    Bucket bucket;
    bucket.name = name;
    bucket.account = account;
    bucket.created = state_->options.clock();
    OUTCROP_TRY(bucket, transaction.insert_bucket(bucket));
    return bucket;
  });
}

S3Result<Bucket> ObjectService::head_bucket(std::string_view account, std::string_view name) {
  return state_->read([&](ObjectTransaction& view) { return find_bucket(view, account, name); });
}

S3Status ObjectService::delete_bucket(std::string_view account, std::string_view name) {
  return state_->write([&](ObjectTransaction& transaction) -> S3Status {
    OUTCROP_TRY(const Bucket bucket, find_bucket(transaction, account, name));
    OUTCROP_TRY(const bool empty, transaction.bucket_is_empty(bucket.id));
    if (!empty) {
      return s3_fail(S3Code::bucket_not_empty,
                     fmt::format("bucket '{}' still has objects, versions or unfinished uploads", name));
    }
    OUTCROP_CHECK_OK(transaction.delete_bucket(bucket.id));
    return {};
  });
}

S3Result<BucketList> ObjectService::list_buckets(std::string_view account, std::string_view prefix,
                                                 std::string_view token, int max_buckets) {
  constexpr int kMost = 10'000;
  const int limit = std::clamp(max_buckets, 1, kMost);
  return state_->read([&](ObjectTransaction& view) -> S3Result<BucketList> {
    BucketList list;
    // The token is the last name of the page before.
    OUTCROP_TRY(list.buckets, view.buckets(account, prefix, token, limit + 1));
    if (list.buckets.size() > static_cast<std::size_t>(limit)) {
      list.buckets.pop_back();
      list.next_token = list.buckets.back().name;
    }
    return list;
  });
}

S3Status ObjectService::set_versioning(std::string_view account, std::string_view name, Versioning versioning) {
  if (versioning == Versioning::off) {
    return s3_fail(S3Code::invalid_argument, "versioning can be enabled or suspended");
  }
  return state_->write([&](ObjectTransaction& transaction) -> S3Status {
    OUTCROP_TRY(const Bucket bucket, find_bucket(transaction, account, name));
    OUTCROP_CHECK_OK(transaction.set_versioning(bucket.id, versioning));
    return {};
  });
}

}  // namespace outcrop::store
