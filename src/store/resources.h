#pragma once
// Everything that the control plane names and that is not a job: custom and imported models, provisioned
// throughput, deployments, prompts and their versions, knowledge bases and their data sources, … Also tags by
// ARN and settings. Callers: service.

#include "base/result.h"
#include "json/json.h"
#include "store/page.h"
#include "store/time.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outcrop::store {

/// Where ids and names are unique. `parent` is empty for most kinds; a prompt's versions and a knowledge base's
/// data sources live under their parent's id.
struct ResourceScope {
  std::string account{};
  std::string kind{};  ///< "custom-model", "provisioned-model", "prompt", …
  std::string parent{};
};

struct NewResource {
  ResourceScope scope{};
  std::string id{};             ///< empty: twelve random characters
  std::string arn{};            ///< unique in the database when not empty
  std::string name{};           ///< unique in the scope when not empty
  std::string status{};         ///< in the words of the API
  Json body{};                  ///< an object
  std::string request_token{};  ///< empty: not idempotent
};

struct Resource {
  std::int64_t number = 0;  ///< order of creation
  ResourceScope scope{};
  std::string id, arn, name, status;
  Json body{};
  std::int64_t revision = 1;  ///< one more with every update
  Time created, updated;
};

/// What is not set stays as it is.
struct ResourceChange {
  std::optional<std::string> name{};
  std::optional<std::string> status{};
  std::optional<Json> body{};
  std::optional<std::int64_t> expected_revision{};  ///< conflict when the resource has another
};

struct ResourceFilter {
  ResourceScope scope{};
  bool any_parent = false;              ///< the kind's resources under all parents
  std::vector<std::string> statuses{};  ///< empty: any
  std::string name_contains{};          ///< as written, case matters
  /// Members of the body (letters and digits, top level) and the text that they must equal.
  std::vector<std::pair<std::string, std::string>> body_equals{};
  std::optional<Time> created_from{};  ///< inclusive
  std::optional<Time> created_to{};    ///< inclusive
  SortOrder order = SortOrder::descending;
};

/// Thread-safe.
class Resources {
 public:
  virtual ~Resources() = default;

  /// The same token again gives the resource made first, if the request is the same, else conflict.
  /// already_exists when id, name or ARN is taken.
  virtual Result<Resource> create(const NewResource& resource) = 0;
  virtual Result<Resource> get(const ResourceScope& scope, std::string_view id) = 0;
  /// By id, ARN or name, in this order.
  virtual Result<Resource> find(const ResourceScope& scope, std::string_view identifier) = 0;
  virtual Result<Resource> find_by_arn(std::string_view account, std::string_view arn) = 0;
  /// By time of creation.
  virtual Result<Page<Resource>> list(const ResourceFilter& filter, const PageRequest& page) = 0;
  virtual Result<Resource> update(const ResourceScope& scope, std::string_view id,
                                  const ResourceChange& change) = 0;
  /// With its tags. Children are the caller's: conflict while there are resources with this one as parent.
  virtual Status remove(const ResourceScope& scope, std::string_view id) = 0;
};

using TagMap = std::map<std::string, std::string>;

/// Tags of anything that has an ARN. Thread-safe.
class Tags {
 public:
  virtual ~Tags() = default;
  static constexpr std::size_t kMaxTags = 50;

  virtual Result<TagMap> get(std::string_view account, std::string_view arn) = 0;
  /// Adds or replaces. quota_exceeded, and nothing is written, when the ARN would have more than kMaxTags.
  virtual Status set(std::string_view account, std::string_view arn, const TagMap& tags) = 0;
  /// Keys that are not there are fine.
  virtual Status remove(std::string_view account, std::string_view arn,
                        const std::vector<std::string>& keys) = 0;
};

/// Named JSON values of an account: invocation logging and the like. Thread-safe.
class Settings {
 public:
  virtual ~Settings() = default;
  virtual Result<std::optional<Json>> get(std::string_view account, std::string_view name) = 0;
  virtual Status put(std::string_view account, std::string_view name, const Json& value) = 0;
  virtual Status remove(std::string_view account, std::string_view name) = 0;
};

}  // namespace outcrop::store
