// Random operations on the service and on a model that is too simple to be wrong: a map of lists of versions.
// After each the two must answer alike.

#include "base/random.h"
#include "object_conformance.h"

#include <map>
#include <set>

#include <fmt/format.h>

namespace outcrop::store::test {
namespace {

struct ModelVersion {
  std::string id;
  bool marker = false;
  std::string bytes;
};

/// Keys with their versions, newest first.
struct Model {
  std::map<std::string, std::vector<ModelVersion>> keys;
  Versioning versioning = Versioning::off;

  void drop(const std::string& key, const std::string& id) {
    auto found = keys.find(key);
    if (found == keys.end()) return;
    std::erase_if(found->second, [&](const ModelVersion& version) { return version.id == id; });
    if (found->second.empty()) keys.erase(found);
  }
  void add(const std::string& key, ModelVersion version) {
    if (version.id == "null") drop(key, "null");
    auto& versions = keys[key];
    versions.insert(versions.begin(), std::move(version));
  }
  const ModelVersion* current(const std::string& key) const {
    const auto found = keys.find(key);
    return found == keys.end() || found->second.front().marker ? nullptr : &found->second.front();
  }
  std::vector<std::string> list(const std::string& prefix, const std::string& delimiter) const {
    std::vector<std::string> items;
    for (const auto& [key, versions] : keys) {
      if (versions.front().marker || !key.starts_with(prefix)) continue;
      const std::size_t found = delimiter.empty() ? std::string::npos : key.find(delimiter, prefix.size());
      const std::string item = found == std::string::npos ? key : key.substr(0, found + delimiter.size());
      if (items.empty() || items.back() != item) items.push_back(item);
    }
    return items;
  }
};

class ObjectModel : public ObjectConformance {
 protected:
  std::string random_key() {
    static constexpr const char* kParts[] = {"a", "b", "a/", "a/b", "a/b/", "b/c", "b//", "\xc3\xa4", "a\xff"};
    return kParts[random_.below(8)] + std::string(kParts[random_.below(8)]);
  }

  void random_put() {
    const std::string key = random_key();
    const std::string bytes = fmt::format("{}", random_.below(1'000'000));
    const ObjectInfo made = put(key, bytes);
    EXPECT_EQ(made.summary.version_id == "null", model_.versioning != Versioning::enabled);
    model_.add(key, {made.summary.version_id, false, bytes});
  }

  void random_copy() {
    const std::string source = random_key();
    const std::string target = random_key();
    if (source == target) return;
    const auto made = service_->copy({.target = named(target), .source_bucket = kBucket, .source_key = source});
    const ModelVersion* const version = model_.current(source);
    ASSERT_EQ(made.has_value(), version != nullptr);
    if (made) model_.add(target, {made->summary.version_id, false, version->bytes});
  }

  void random_remove() {
    const std::string key = random_key();
    const DeleteResult result = value_of(service_->remove(named(key), ""));
    EXPECT_EQ(result.delete_marker, model_.versioning != Versioning::off);
    if (model_.versioning == Versioning::off) {
      model_.drop(key, "null");
    } else {
      model_.add(key, {result.version_id, true, {}});
    }
  }

  void random_remove_version() {
    const std::string key = random_key();
    const auto found = model_.keys.find(key);
    if (found == model_.keys.end()) return;
    const std::string id = found->second[random_.below(found->second.size())].id;
    EXPECT_OK(service_->remove(named(key), id));
    model_.drop(key, id);
  }

  void check_key() {
    const std::string key = random_key();
    const ModelVersion* const version = model_.current(key);
    const auto head = service_->head({.name = named(key)});
    ASSERT_EQ(head.has_value(), version != nullptr) << key;
    if (version != nullptr) {
      EXPECT_EQ(get(key), version->bytes);
    }
  }

  void check_list() {
    ListRequest request{.account = kAccount, .bucket = kBucket};
    request.prefix = random_.below(2) == 0 ? "" : random_key().substr(0, random_.below(3) + 1);
    if (valid_prefix(request.prefix) != request.prefix.size()) request.prefix.clear();
    request.delimiter = random_.below(2) == 0 ? "" : "/";
    request.max_keys = static_cast<int>(random_.below(5)) + 1;
    const bool by_marker = random_.below(2) == 0;
    std::set<std::string> seen;
    std::size_t count = 0;
    while (true) {
      const ObjectList list = value_of(service_->list(request));
      for (const std::string& key : keys_of(list.objects)) seen.insert(key);
      seen.insert(list.common_prefixes.begin(), list.common_prefixes.end());
      count += list.objects.size() + list.common_prefixes.size();
      if (!list.truncated) break;
      (by_marker ? request.marker : request.continuation_token) =
          by_marker ? list.next_marker : list.next_token;
    }
    EXPECT_EQ(std::vector<std::string>(seen.begin(), seen.end()),
              model_.list(request.prefix, request.delimiter));
    EXPECT_EQ(count, seen.size()) << "nothing twice";
  }

  void check_versions() {
    std::vector<std::string> expected;
    for (const auto& [key, versions] : model_.keys) {
      for (const ModelVersion& version : versions) expected.push_back(key + "@" + version.id);
    }
    std::vector<std::string> seen;
    ListVersionsRequest request{.account = kAccount, .bucket = kBucket, .max_keys = 3};
    VersionList list;
    do {
      list = value_of(service_->list_versions(request));
      for (const ObjectSummary& version : list.versions) seen.push_back(version.key + "@" + version.version_id);
      request.key_marker = list.next_key_marker;
      request.version_id_marker = list.next_version_id_marker;
    } while (list.truncated);
    EXPECT_EQ(seen, expected);
  }

  static std::size_t valid_prefix(std::string_view text) {
    return text.find_first_of("\xc3") == std::string_view::npos ? text.size() : 0;
  }

  void step() {
    switch (random_.below(10)) {
      case 0:
      case 1:
      case 2:
        return random_put();
      case 3:
        return random_copy();
      case 4:
        return random_remove();
      case 5:
        return random_remove_version();
      case 6:
      case 7:
        return check_key();
      case 8:
        return check_list();
      default:
        return check_versions();
    }
  }

  Random random_{20'240'607};
  Model model_;
};

TEST_P(ObjectModel, AnswersAsTheModelDoes) {
  constexpr int kSteps = 120;
  for (const Versioning versioning :
       {Versioning::off, Versioning::enabled, Versioning::suspended, Versioning::enabled}) {
    if (versioning != Versioning::off) EXPECT_OK(service_->set_versioning(kAccount, kBucket, versioning));
    model_.versioning = versioning;
    for (int i = 0; i < kSteps && !HasFailure(); ++i) {
      SCOPED_TRACE(fmt::format("versioning {}, step {}", static_cast<int>(versioning), i));
      step();
    }
  }
  for (const auto& [key, versions] : std::map(model_.keys)) {
    for (const ModelVersion& version : versions) EXPECT_OK(service_->remove(named(key), version.id));
  }
  EXPECT_EQ(blob_files(), 0U) << "every blob went with the last that named it";
  EXPECT_OK(service_->delete_bucket(kAccount, kBucket));
}

INSTANTIATE_TEST_SUITE_P(Sqlite, ObjectModel, testing::Values(sqlite_factory()),
                         [](const auto& factory) { return factory.param.name; });

}  // namespace
}  // namespace outcrop::store::test
