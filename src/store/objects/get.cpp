#include "store/objects/conditions.h"
#include "store/objects/rules.h"
#include "store/objects/state.h"

#include <algorithm>

#include <fmt/format.h>

namespace outcrop::store {

class ObjectReader::Work {
 public:
  Work(objects::Reaper::Ticket ticket, ObjectHead head, BlobStore& blobs, Content content)
      : ticket_(std::move(ticket)),
        head_(std::move(head)),
        reader_(blobs, std::move(content), head_.offset, head_.size) {}

  const ObjectHead& head() const noexcept { return head_; }
  S3Result<std::size_t> read(std::span<std::byte> buffer) {
    OUTCROP_TRY(const std::size_t got, reader_.read(buffer));
    return got;
  }

 private:
  objects::Reaper::Ticket ticket_;  ///< keeps the blobs while this reads
  ObjectHead head_;
  objects::ContentReader reader_;
};

ObjectReader::ObjectReader(std::unique_ptr<Work> work) : work_(std::move(work)) {}
ObjectReader::ObjectReader(ObjectReader&&) noexcept = default;
ObjectReader& ObjectReader::operator=(ObjectReader&&) noexcept = default;
ObjectReader::~ObjectReader() = default;
const ObjectHead& ObjectReader::head() const noexcept {
  return work_->head();
}
S3Result<std::size_t> ObjectReader::read(std::span<std::byte> buffer) {
  return work_->read(buffer);
}

namespace {

/// Bytes of part `number`; of an object without parts, part 1 is all of it.
S3Result<objects::Extent> extent_of_part(const ObjectInfo& info, int number) {
  OUTCROP_CHECK_OK(objects::check_part_number(number));
  if (info.parts.empty() && number == 1) return objects::Extent{0, info.summary.size};
  objects::Extent extent;
  for (const ObjectPart& part : info.parts) {
    extent.size = part.size;
    if (part.number == number) return extent;
    extent.offset += part.size;
  }
  return s3_fail(S3Code::invalid_range, fmt::format("the object has no part {}", number));
}

S3Status place(const GetRequest& request, ObjectHead& head) {
  objects::Extent extent{0, head.info.summary.size};
  if (request.range && request.part_number) {
    return s3_fail(S3Code::invalid_request, "a request names a range or a part, not both");
  }
  if (request.range) {
    OUTCROP_TRY(extent, objects::resolve_range(*request.range, head.info.summary.size));
  }
  if (request.part_number) {
    OUTCROP_TRY(extent, extent_of_part(head.info, *request.part_number));
  }
  head.offset = extent.offset;
  head.size = extent.size;
  head.partial = request.range.has_value() || (request.part_number.has_value() && !head.info.parts.empty());
  return {};
}

S3Result<ObjectHead> read_head(ObjectTransaction& view, const GetRequest& request) {
  const ObjectName& name = request.name;
  OUTCROP_TRY(const Bucket bucket, objects::find_bucket(view, name.account, name.bucket));
  OUTCROP_TRY(const ObjectVersion version, objects::find_version(view, bucket, name.key, request.version_id));
  OUTCROP_CHECK_OK(objects::check_read_conditions(request.conditions, version.summary));
  ObjectHead head;
  head.info = objects::info_of(bucket, version);
  OUTCROP_TRY(head.info.parts, view.parts(version.summary.number));
  OUTCROP_CHECK_OK(place(request, head));
  return head;
}

}  // namespace

S3Result<ObjectHead> ObjectService::head(const GetRequest& request) {
  OUTCROP_CHECK_OK(objects::check_key(request.name.key));
  return state_->read([&](ObjectTransaction& view) { return read_head(view, request); });
}

S3Result<ObjectReader> ObjectService::get(const GetRequest& request) {
  OUTCROP_CHECK_OK(objects::check_key(request.name.key));
  objects::Reaper::Ticket ticket = state_->reaper.enter();
  return state_->read([&](ObjectTransaction& view) -> S3Result<ObjectReader> {
    OUTCROP_TRY(ObjectHead head, read_head(view, request));
    OUTCROP_TRY(Content content, view.content(head.info.summary.number));
    return ObjectReader(std::make_unique<ObjectReader::Work>(std::move(ticket), std::move(head), *state_->blobs,
                                                             std::move(content)));
  });
}

}  // namespace outcrop::store
