#pragma once
// Resources, tags and settings over SQLite.

#include "store/resources.h"
#include "store/sqlite/pool.h"

namespace outcrop::store::sqlite {

class SqliteResources final : public Resources {
 public:
  SqliteResources(Pool& pool, Clock clock) : pool_(pool), clock_(std::move(clock)) {}

  Result<Resource> create(const NewResource& resource) override;
  Result<Resource> get(const ResourceScope& scope, std::string_view id) override;
  Result<Resource> find(const ResourceScope& scope, std::string_view identifier) override;
  Result<Resource> find_by_arn(std::string_view account, std::string_view arn) override;
  Result<Page<Resource>> list(const ResourceFilter& filter, const PageRequest& page) override;
  Result<Resource> update(const ResourceScope& scope, std::string_view id,
                          const ResourceChange& change) override;
  Status remove(const ResourceScope& scope, std::string_view id) override;

 private:
  Pool& pool_;
  Clock clock_;
};

class SqliteTags final : public Tags {
 public:
  explicit SqliteTags(Pool& pool) : pool_(pool) {}
  Result<TagMap> get(std::string_view account, std::string_view arn) override;
  Status set(std::string_view account, std::string_view arn, const TagMap& tags) override;
  Status remove(std::string_view account, std::string_view arn, const std::vector<std::string>& keys) override;

 private:
  Pool& pool_;
};

class SqliteSettings final : public Settings {
 public:
  SqliteSettings(Pool& pool, Clock clock) : pool_(pool), clock_(std::move(clock)) {}
  Result<std::optional<Json>> get(std::string_view account, std::string_view name) override;
  Status put(std::string_view account, std::string_view name, const Json& value) override;
  Status remove(std::string_view account, std::string_view name) override;

 private:
  Pool& pool_;
  Clock clock_;
};

}  // namespace outcrop::store::sqlite
