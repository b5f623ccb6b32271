// A child process is killed at a random moment between the beginning and the end of its writes. What it left
// must be whole objects and nothing else.

#include "base/random.h"
#include "conformance.h"
#include "crypto/digest.h"
#include "object_conformance.h"
#include "store/object_service.h"

#include <csignal>
#include <filesystem>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

namespace outcrop::store::test {
namespace {

constexpr const char* kDone = "done";

struct Opened {
  std::unique_ptr<Database> database;
  std::unique_ptr<ObjectService> service;
};

Opened open_all(const Path& folder) {
  Opened opened;
  opened.database = value_of(open_sqlite(folder / "outcrop.db"));
  opened.service = value_of(ObjectService::open(
      opened.database->objects(), value_of(open_file_blobs(folder / "objects")), {.min_part_bytes = 1}));
  return opened;
}

/// The content of version `i` of the object: its length and bytes follow from i.
std::string content_of(int i) {
  return fmt::format("version {} ", i) +
         std::string(static_cast<std::size_t>(i % 7) * 30'000, static_cast<char>('a' + i % 26));
}

/// Overwrites one object again and again, by PUT and by multipart upload; the body of the child.
[[noreturn]] void write_for_ever(const Path& folder) {
  const Opened opened = open_all(folder);
  ObjectService& service = *opened.service;
  const ObjectName name{kAccount, kBucket, "key"};
  for (int i = 0;; ++i) {
    const std::string content = content_of(i);
    if (i % 2 == 0) {
      auto writer = service.put({.name = name});
      if (!writer || !writer->write(content) || !writer->commit()) ::_exit(1);
      continue;
    }
    const auto upload = service.create_upload({.name = name});
    if (!upload) ::_exit(2);
    CompleteRequest complete{.name = name, .upload_id = upload->id};
    for (int part = 1; part <= 2; ++part) {
      auto writer = service.upload_part({.name = name, .upload_id = upload->id, .part_number = part});
      const std::size_t half = content.size() / 2;
      if (!writer || !writer->write(part == 1 ? content.substr(0, half) : content.substr(half))) ::_exit(3);
      const auto written = writer->commit();
      if (!written) ::_exit(4);
      complete.parts.push_back({part, written->etag, {}});
    }
    if (!service.complete_upload(complete)) ::_exit(5);
  }
}

std::string read_all(ObjectService& service, const ObjectName& name) {
  auto reader = service.get({.name = name});
  if (!reader) return std::string(to_string(reader.error().code));
  std::string bytes(reader->head().size, '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    done += value_of(reader->read(std::as_writable_bytes(std::span(bytes)).subspan(done)));
  }
  return bytes;
}

/// Every content is whole: it says which version it is, and the rest follows.
void expect_whole(const std::string& bytes) {
  int version = -1;
  ASSERT_EQ(std::sscanf(bytes.c_str(), "version %d", &version), 1) << bytes.substr(0, 40);
  EXPECT_TRUE(bytes == content_of(version)) << "version " << version << " with " << bytes.size() << " bytes";
}

std::set<std::string> blob_names(const Path& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "objects")) {
    if (entry.is_regular_file() && entry.path().filename() != ".lock") names.insert(entry.path().filename());
  }
  return names;
}

TEST(ObjectCrash, LeavesWholeObjectsAndNothingElseWhereverItIsKilled) {
  constexpr int kRounds = 15;
  const TestFolder folder;
  const ObjectName name{kAccount, kBucket, "key"};
  {
    const Opened opened = open_all(folder.path());
    ASSERT_TRUE(opened.database->accounts().create_account(kAccount, "a"));
    ASSERT_TRUE(opened.service->create_bucket(kAccount, kBucket));
    ObjectWriter writer = value_of(opened.service->put({.name = name}));
    ASSERT_TRUE(writer.write(content_of(0)));
    ASSERT_TRUE(writer.commit());
  }
  Random random(7);
  for (int round = 0; round < kRounds; ++round) {
    const pid_t child = ::fork();
    if (child == 0) write_for_ever(folder.path());
    std::this_thread::sleep_for(std::chrono::milliseconds(30 + random.below(150)));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself with status " << status;

    const Opened opened = open_all(folder.path());
    expect_whole(read_all(*opened.service, name));
    // What is left of unfinished uploads belongs to their parts; once these go, one object's blobs remain.
    const UploadList uploads = value_of(opened.service->list_uploads({.account = kAccount, .bucket = kBucket}));
    for (const Upload& upload : uploads.uploads) EXPECT_OK(opened.service->abort_upload(name, upload.id));
    for (const std::string& blob : blob_names(folder.path())) {
      EXPECT_TRUE(value_of(opened.database->objects().is_referenced(blob))) << "orphan " << blob;
    }
    EXPECT_LE(blob_names(folder.path()).size(), 2U);
  }
}

}  // namespace
}  // namespace outcrop::store::test
