#include "store/objects/rules.h"
#include "store/objects/state.h"

#include <fmt/format.h>

namespace outcrop::store {
namespace {

constexpr std::size_t kMaxEntries = 1000;
constexpr std::string_view kNullVersion = "null";

/// One version for good. One that is not there is fine, as S3 says.
S3Result<DeleteResult> remove_version(ObjectTransaction& transaction, const Bucket& bucket,
                                      const DeleteEntry& entry) {
  DeleteResult result{entry.key, entry.version_id, false};
  OUTCROP_TRY(const std::optional<ObjectVersion> version,
              transaction.version(bucket.id, entry.key, entry.version_id));
  if (!version) return result;
  result.delete_marker = version->summary.delete_marker;
  OUTCROP_CHECK_OK(transaction.delete_version(version->summary.number));
  return result;
}

/// Without versioning the object goes; otherwise a delete marker hides it.
S3Result<DeleteResult> remove_latest(ObjectTransaction& transaction, const Bucket& bucket,
                                     const DeleteEntry& entry, Time now) {
  if (bucket.versioning == Versioning::off) {
    OUTCROP_TRY(DeleteResult result,
                remove_version(transaction, bucket, {entry.key, std::string(kNullVersion)}));
    result.version_id.clear();
    return result;
  }
  ObjectVersion marker;
  marker.summary.key = entry.key;
  marker.summary.delete_marker = true;
  OUTCROP_TRY(const ObjectVersion stored, objects::store_version(transaction, bucket, marker, {}, {}, now));
  return DeleteResult{entry.key, stored.summary.version_id, true};
}

S3Result<DeleteResult> remove_entry(ObjectTransaction& transaction, const Bucket& bucket,
                                    const DeleteEntry& entry, Time now) {
  if (entry.version_id.empty()) return remove_latest(transaction, bucket, entry, now);
  return remove_version(transaction, bucket, entry);
}

}  // namespace

S3Result<DeleteResult> ObjectService::remove(const ObjectName& name, std::string_view version_id) {
  OUTCROP_CHECK_OK(objects::check_key(name.key));
  return state_->write([&](ObjectTransaction& transaction) -> S3Result<DeleteResult> {
    OUTCROP_TRY(const Bucket bucket, objects::find_bucket(transaction, name.account, name.bucket));
    return remove_entry(transaction, bucket, {name.key, std::string(version_id)}, state_->options.clock());
  });
}

S3Result<std::vector<S3Result<DeleteResult>>> ObjectService::remove_many(
    std::string_view account, std::string_view bucket, const std::vector<DeleteEntry>& entries) {
  using Results = std::vector<S3Result<DeleteResult>>;
  if (entries.empty() || entries.size() > kMaxEntries) {
    return s3_fail(S3Code::invalid_request, fmt::format("a request deletes 1 to {} objects, {} were given",
                                                        kMaxEntries, entries.size()));
  }
  return state_->write([&](ObjectTransaction& transaction) -> S3Result<Results> {
    OUTCROP_TRY(const Bucket target, objects::find_bucket(transaction, account, bucket));
    Results results;
    for (const DeleteEntry& entry : entries) {
      if (S3Status valid = objects::check_key(entry.key); !valid) {
        results.emplace_back(forward_error(valid));
        continue;
      }
      // What fails now is the store, and then nothing of the request may stay.
      OUTCROP_TRY(DeleteResult result, remove_entry(transaction, target, entry, state_->options.clock()));
      results.emplace_back(std::move(result));
    }
    return results;
  });
}

}  // namespace outcrop::store
