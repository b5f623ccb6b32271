// What is SQLite's own: the file, its schema's versions, its failures. The tables are tested through the
// interfaces.

#include "conformance.h"
#include "crypto/aes_gcm.h"
#include "store/database.h"
#include "store/key_file.h"
#include "store/sqlite/schema.h"

#include <filesystem>
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace outcrop::store::test {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

/// Runs SQL on a file without our code.
void run_sql(const Path& file, const std::string& sql) {
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &handle), SQLITE_OK);
  char* message = nullptr;
  EXPECT_EQ(sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK) << message;
  sqlite3_free(message);
  sqlite3_close(handle);
}

unsigned mode_of(const Path& file) {
  struct stat info {};
  EXPECT_EQ(::stat(file.c_str(), &info), 0);
  return info.st_mode & 0777U;
}

NewJob small_job(const std::string& name) {
  NewJob job;
  job.account = kAccount;
  job.kind = "k";
  job.name = name;
  return job;
}

TEST(Sqlite, MakesAPrivateFile) {
  const TestFolder folder;
  const Path file = folder.path() / "outcrop.db";
  auto database = value_of(open_sqlite(file));
  EXPECT_OK(database->accounts().create_account(kAccount, "a"));
  EXPECT_EQ(mode_of(file), 0600U);
  EXPECT_EQ(mode_of(Path(file.string() + "-wal")), 0600U);
}

TEST(Sqlite, KeepsWhatWasWrittenWhenItIsOpenedAgain) {
  const TestFolder folder;
  const Path file = folder.path() / "outcrop.db";
  EXPECT_OK(value_of(open_sqlite(file))->accounts().create_account(kAccount, "kept"));
  EXPECT_EQ(value_of(value_of(open_sqlite(file))->accounts().account(kAccount)).name, "kept");
}

TEST(Sqlite, OpensEveryOlderSchemaVersion) {
  const std::size_t newest = sqlite::migrations().size();
  for (std::size_t version = 1; version <= newest; ++version) {
    SCOPED_TRACE(version);
    const TestFolder folder;
    const Path file = folder.path() / "outcrop.db";
    const Path fixture = Path(OUTCROP_TEST_DATA) / fmt::format("store/fixtures/schema_v{}.sql", version);
    run_sql(file, value_of(read_file(fixture)));
    auto opened = open_sqlite(file);
    ASSERT_TRUE(opened) << opened.error().message;
    Database& database = **opened;
    EXPECT_EQ(value_of(database.accounts().account(kAccount)).name, "fixture");
    EXPECT_EQ(value_of(database.accounts().access_key("AKIAOUTCROPFIXTURE01")).secret.view(), "fixture-secret");
    const Job job = value_of(database.jobs().find(kAccount, "model-customization", "fixture-job"));
    EXPECT_EQ(job.state, JobState::succeeded);
    EXPECT_EQ(job.payload["epochCount"].as_string(), "2");
    EXPECT_THAT(value_of(database.jobs().events(kAccount, job.id, 0, 10)), SizeIs(1));
    const Resource model = value_of(database.resources().find({kAccount, "custom-model", ""}, "fixture-model"));
    EXPECT_EQ(model.revision, 2);
    EXPECT_EQ(value_of(database.tags().get(kAccount, model.arn)).at("team"), "search");
    EXPECT_TRUE(value_of(database.settings().get(kAccount, "invocation-logging")));
    if (version < 2) continue;
    EXPECT_OK(database.objects().read([](ObjectTransaction& view) -> Status {
      OUTCROP_TRY(const std::optional<Bucket> bucket, view.bucket("fixture-bucket"));
      EXPECT_TRUE(bucket);
      OUTCROP_TRY(const std::optional<ObjectVersion> object, view.latest(bucket->id, "folder/object"));
      EXPECT_TRUE(object);
      EXPECT_EQ(object->metadata.at("purpose"), "fixture");
      OUTCROP_TRY(const Content content, view.content(object->summary.number));
      EXPECT_EQ(content.at(0).blob, "0123456789abcdef0123456789abcdef");
      return {};
    }));
  }
}

TEST(Sqlite, RefusesASchemaOfANewerVersion) {
  const TestFolder folder;
  const Path file = folder.path() / "outcrop.db";
  EXPECT_OK(open_sqlite(file));
  run_sql(file, "PRAGMA user_version = 99");
  const auto opened = open_sqlite(file);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::unsupported);
  EXPECT_THAT(opened.error().message, HasSubstr("schema version 99"));
}

TEST(Sqlite, RefusesAnotherProgramsDatabase) {
  const TestFolder folder;
  const Path file = folder.path() / "other.db";
  run_sql(file, "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
  EXPECT_EQ(code_of(open_sqlite(file)), Code::corrupt_data);
}

TEST(Sqlite, RefusesAFileThatIsNoDatabase) {
  const TestFolder folder;
  const Path file = folder.path() / "outcrop.db";
  ASSERT_TRUE(write_file_atomic(file, std::string(8192, 'x')));
  EXPECT_EQ(code_of(open_sqlite(file)), Code::corrupt_data);
}

TEST(Sqlite, FindsADamagedPageWhenItOpens) {
  const TestFolder folder;
  const Path file = folder.path() / "outcrop.db";
  {
    auto database = value_of(open_sqlite(file));
    ASSERT_TRUE(database->accounts().create_account(kAccount, "a"));
    for (int i = 0; i < 50; ++i) EXPECT_OK(database->jobs().create(small_job("job-" + std::to_string(i))));
  }
  std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
  const auto size = static_cast<std::streamoff>(std::filesystem::file_size(file));
  for (std::streamoff page = size / 2; page < size; page += 4096) {
    bytes.seekp(page);
    bytes << std::string(64, '\xee');
  }
  bytes.close();
  EXPECT_EQ(code_of(open_sqlite(file)), Code::corrupt_data);
}

TEST(Sqlite, ChangesNothingWhenAMigrationFails) {
  const TestFolder folder;
  const Path file = folder.path() / "outcrop.db";
  run_sql(file, value_of(read_file(Path(OUTCROP_TEST_DATA) / "store/fixtures/schema_v1.sql")));
  run_sql(file, "CREATE TABLE uploads (in_the_way)");
  EXPECT_FALSE(open_sqlite(file));
  auto connection = value_of(sqlite::Connection::open(file, std::chrono::seconds(1)));
  EXPECT_EQ(value_of(connection->integer("PRAGMA user_version")), 1);
  EXPECT_EQ(value_of(connection->integer("SELECT count(*) FROM sqlite_schema WHERE name = 'buckets'")), 0);
}

TEST(Sqlite, OpensOnceFromManyThreadsAtTheSameTime) {
  const TestFolder folder;
  const Path file = folder.path() / "outcrop.db";
  std::vector<std::jthread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&file] { EXPECT_OK(open_sqlite(file)); });
  }
}

TEST(Sqlite, SealsSecretsWithTheGivenKey) {
  const TestFolder folder;
  const Path file = folder.path() / "outcrop.db";
  const auto key = std::make_shared<const crypto::Secret>(crypto::random_aes_key());
  constexpr const char* kId = "AKIAOUTCROPEXAMPLE00";
  {
    auto database = value_of(open_sqlite(file, {.key = key}));
    ASSERT_TRUE(database->accounts().create_account(kAccount, "a"));
    EXPECT_OK(database->accounts().create_access_key({kId, kAccount, "alice", "canary-secret"}));
    EXPECT_EQ(value_of(database->accounts().access_key(kId)).secret.view(), "canary-secret");
  }
  EXPECT_EQ(value_of(read_file(file)).find("canary-secret"), std::string::npos);
  EXPECT_EQ(code_of(value_of(open_sqlite(file))->accounts().access_key(kId)), Code::unavailable);
  const auto other = std::make_shared<const crypto::Secret>(crypto::random_aes_key());
  EXPECT_EQ(code_of(value_of(open_sqlite(file, {.key = other}))->accounts().access_key(kId)),
            Code::corrupt_data);
}

TEST(Sqlite, KeepsNoApiKeyInItsFile) {
  const TestFolder folder;
  const Path file = folder.path() / "outcrop.db";
  std::string text;
  {
    auto database = value_of(open_sqlite(file));
    ASSERT_TRUE(database->accounts().create_account(kAccount, "a"));
    text = value_of(database->accounts().create_api_key({kAccount, "alice", std::nullopt})).text;
  }
  EXPECT_EQ(value_of(read_file(file)).find(text), std::string::npos);
}

TEST(KeyFile, IsMadeOnceAndForItsOwnerOnly) {
  const TestFolder folder;
  const Path file = folder.path() / "secrets.key";
  const crypto::Secret made = value_of(load_or_create_key(file));
  EXPECT_EQ(made.view().size(), crypto::kAesKeyBytes);
  EXPECT_EQ(mode_of(file), 0600U);
  EXPECT_EQ(value_of(load_or_create_key(file)).view(), made.view());
}

TEST(KeyFile, IsRefusedWhenOthersMayReadItOrItHoldsNoKey) {
  const TestFolder folder;
  const Path file = folder.path() / "secrets.key";
  EXPECT_OK(load_or_create_key(file));
  ASSERT_EQ(::chmod(file.c_str(), 0644), 0);
  EXPECT_EQ(code_of(load_or_create_key(file)), Code::permission_denied);
  ASSERT_TRUE(write_file_atomic(file, "no key", 0600));
  EXPECT_EQ(code_of(load_or_create_key(file)), Code::corrupt_data);
}

/// Claims and ends jobs until none is left, and writes their names to `out`; the body of a child process.
void work_until_empty(const Path& file, const Path& out, const std::string& owner) {
  auto database = open_sqlite(file, {.check_integrity = false});
  if (!database) ::_exit(1);
  std::ofstream names(out);
  while (true) {
    const auto job = (*database)->jobs().claim({owner, {}, std::chrono::seconds(60)});
    if (!job) ::_exit(2);
    if (!*job) break;
    names << (*job)->name << '\n';
    if (!(*database)->jobs().complete(lease_of(**job), {})) ::_exit(3);
  }
  names.close();
  ::_exit(0);
}

TEST(Sqlite, GivesEachJobToOneOfTwoProcesses) {
  constexpr int kJobs = 80;
  const TestFolder folder;
  const Path file = folder.path() / "outcrop.db";
  {
    auto database = value_of(open_sqlite(file));
    ASSERT_TRUE(database->accounts().create_account(kAccount, "a"));
    for (int i = 0; i < kJobs; ++i) EXPECT_OK(database->jobs().create(small_job("job-" + std::to_string(i))));
  }
  std::vector<pid_t> children;
  for (int c = 0; c < 2; ++c) {
    const std::string name = "worker-" + std::to_string(c);
    const pid_t child = ::fork();
    if (child == 0) work_until_empty(file, folder.path() / name, name);
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  std::multiset<std::string> claimed;
  for (const char* name : {"worker-0", "worker-1"}) {
    std::ifstream lines(folder.path() / name);
    for (std::string line; std::getline(lines, line);) claimed.insert(line);
  }
  EXPECT_THAT(claimed, SizeIs(kJobs));
  EXPECT_THAT(std::set<std::string>(claimed.begin(), claimed.end()), SizeIs(kJobs));
}

}  // namespace
}  // namespace outcrop::store::test
