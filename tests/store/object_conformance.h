#pragma once
// The object service over a database of the conformance suite and blobs in files: what S3 promises, and with it
// what the object catalogue of every database has to do.

#include "conformance.h"
#include "store/object_service.h"

#include <string>
#include <string_view>
#include <vector>

namespace outcrop::store::test {

inline constexpr const char* kBucket = "my-bucket";

class ObjectConformance : public DatabaseConformance {
 protected:
  void SetUp() override;

  ObjectName named(std::string_view key, const char* bucket = kBucket) const {
    return {kAccount, bucket, std::string(key)};
  }
  /// Writes an object in two pieces.
  S3Result<ObjectInfo> put(PutRequest request, std::string_view bytes);
  ObjectInfo put(std::string_view key, std::string_view bytes);
  /// The bytes that a request reads, in small pieces; fails the test on an error.
  std::string get(const GetRequest& request);
  std::string get(std::string_view key) { return get(GetRequest{.name = named(key)}); }
  std::string upload_part(const ObjectName& name, const std::string& upload_id, int number,
                          std::string_view bytes);
  /// Files under objects/ that hold blobs.
  std::size_t blob_files() const;

  std::unique_ptr<ObjectService> service_;
};

template <class T>
T value_of(S3Result<T> result) {
  if (!result) {
    ADD_FAILURE() << to_string(result.error().code) << ": " << result.error().message;
    std::abort();  // not every answer has a default
  }
  return *std::move(result);
}

template <class T>
S3Code code_of(const S3Result<T>& result) {
  EXPECT_FALSE(result.has_value());
  return result ? S3Code::internal_error : result.error().code;
}

inline std::vector<std::string> keys_of(const std::vector<ObjectSummary>& objects) {
  std::vector<std::string> keys;
  for (const ObjectSummary& object : objects) keys.push_back(object.key);
  return keys;
}

}  // namespace outcrop::store::test
