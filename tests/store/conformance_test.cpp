#include "conformance.h"

#include "crypto/random_bytes.h"
#include "object_conformance.h"

#include <filesystem>
#include <system_error>

namespace outcrop::store::test {

TestFolder::TestFolder() : path_(Path(testing::TempDir()) / ("outcrop-store-" + crypto::random_id(12))) {
  std::filesystem::create_directories(path_);
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void DatabaseConformance::SetUp() {
  auto made = GetParam().make(folder_.path(), clock_.clock());
  ASSERT_TRUE(made) << made.error().message;
  database_ = *std::move(made);
  ASSERT_TRUE(database_->accounts().create_account(kAccount, "first"));
  ASSERT_TRUE(database_->accounts().create_account(kOtherAccount, "second"));
}

DatabaseFactory sqlite_factory() {
  return {"Sqlite", [](const Path& folder, Clock clock) {
            return open_sqlite(folder / "outcrop.db", {.clock = std::move(clock)});
          }};
}

namespace {

constexpr auto kName = [](const auto& factory) { return factory.param.name; };

INSTANTIATE_TEST_SUITE_P(Sqlite, DatabaseConformance, testing::Values(sqlite_factory()), kName);
INSTANTIATE_TEST_SUITE_P(Sqlite, ObjectConformance, testing::Values(sqlite_factory()), kName);

}  // namespace
}  // namespace outcrop::store::test
