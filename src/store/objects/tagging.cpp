#include "store/objects/rules.h"
#include "store/objects/state.h"

namespace outcrop::store {

S3Result<TagMap> ObjectService::tags(const ObjectName& name, std::string_view version_id) {
  OUTCROP_CHECK_OK(objects::check_key(name.key));
  return state_->read([&](ObjectTransaction& view) -> S3Result<TagMap> {
    OUTCROP_TRY(const Bucket bucket, objects::find_bucket(view, name.account, name.bucket));
    OUTCROP_TRY(ObjectVersion version, objects::find_version(view, bucket, name.key, version_id));
    return std::move(version.tags);
  });
}

S3Status ObjectService::set_tags(const ObjectName& name, std::string_view version_id, const TagMap& tags) {
  OUTCROP_CHECK_OK(objects::check_key(name.key));
  OUTCROP_CHECK_OK(objects::check_tags(tags));
  return state_->write([&](ObjectTransaction& transaction) -> S3Status {
    OUTCROP_TRY(const Bucket bucket, objects::find_bucket(transaction, name.account, name.bucket));
    OUTCROP_TRY(const ObjectVersion version, objects::find_version(transaction, bucket, name.key, version_id));
    OUTCROP_CHECK_OK(transaction.set_tags(version.summary.number, tags));
    return {};
  });
}

}  // namespace outcrop::store
