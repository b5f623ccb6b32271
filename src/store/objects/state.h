#pragma once
// What the files of the object service share. Private to it.

#include "store/object_service.h"
#include "store/objects/content.h"
#include "store/objects/reaper.h"

#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace outcrop::store {

struct ObjectService::State {
  State(ObjectIndex& object_index, std::unique_ptr<BlobStore> blob_store, ObjectServiceOptions service_options)
      : index(object_index),
        blobs(std::move(blob_store)),
        options(std::move(service_options)),
        reaper(*blobs) {}

  ObjectIndex& index;
  std::unique_ptr<BlobStore> blobs;
  ObjectServiceOptions options;
  objects::Reaper reaper;

  /// body(ObjectTransaction&) -> S3Result<T>, over a consistent view.
  template <class Body>
  std::invoke_result_t<Body, ObjectTransaction&> read(Body body) {
    std::optional<std::invoke_result_t<Body, ObjectTransaction&>> answer;
    Status done = index.read([&](ObjectTransaction& view) -> Status {
      answer.emplace(body(view));
      return {};
    });
    if (!done) return forward_error(done);
    return *std::move(answer);
  }

  /// The same as one change: an answer that is an error undoes everything. Blobs that it frees are removed.
  template <class Body>
  std::invoke_result_t<Body, ObjectTransaction&> write(Body body) {
    std::optional<std::invoke_result_t<Body, ObjectTransaction&>> answer;
    Result<std::vector<std::string>> freed = index.write([&](ObjectTransaction& transaction) -> Status {
      answer.emplace(body(transaction));
      if (*answer) return {};
      return fail(Code::cancelled, "the operation failed and is undone");
    });
    if (answer && !*answer) return *std::move(answer);
    if (!freed) return forward_error(freed);
    reaper.bury(*freed);
    return *std::move(answer);
  }

  /// Removes blobs that were written for a change that did not happen.
  void discard(const Content& content) {
    for (const Segment& segment : content) {
      // After a failed commit only the catalogue knows; when it does not answer, the next start decides.
      const Result<bool> used = index.is_referenced(segment.blob);
      if (used && !*used) reaper.bury({segment.blob});
    }
  }
};

namespace objects {

/// The caller's bucket.
S3Result<Bucket> find_bucket(ObjectTransaction& view, std::string_view account, std::string_view name);

/// A version that can be read: the latest without `version_id`. A delete marker is an error that tells so.
S3Result<ObjectVersion> find_version(ObjectTransaction& view, const Bucket& bucket, std::string_view key,
                                     std::string_view version_id);

/// Makes a version the latest of its key by the bucket's rules: under a new id where versioning is enabled,
/// else in place of the null version. Sets bucket, version id and time.
S3Result<ObjectVersion> store_version(ObjectTransaction& transaction, const Bucket& bucket,
                                      ObjectVersion version, const Content& content,
                                      const std::vector<ObjectPart>& parts, Time now);

/// The key's present object for conditions of a write; nothing under a delete marker.
S3Result<std::optional<ObjectSummary>> present_object(ObjectTransaction& view, const Bucket& bucket,
                                                      std::string_view key);

ObjectInfo info_of(const Bucket& bucket, const ObjectVersion& version);

}  // namespace objects

template <class Answer>
class ContentSink<Answer>::Work {
 public:
  using Publish = std::function<S3Result<Answer>(const objects::Written&)>;
  Work(ObjectService::State& state, ExpectedDigests expected, Publish publish)
      : state_(state),
        writer_(*state.blobs, std::move(expected), state.options.max_put_bytes),
        publish_(std::move(publish)) {}

  S3Status write(std::span<const std::byte> bytes) { return writer_.write(bytes); }
  S3Result<Answer> commit(std::string_view trailing_checksum) {
    OUTCROP_TRY(const objects::Written written, writer_.finish(trailing_checksum));
    S3Result<Answer> answer = publish_(written);
    if (!answer) state_.discard(written.content);
    return answer;
  }

 private:
  ObjectService::State& state_;
  objects::ContentWriter writer_;
  Publish publish_;
};

}  // namespace outcrop::store
