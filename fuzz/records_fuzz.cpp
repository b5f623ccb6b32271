// JSONL files of records from strangers: an accepted record follows the rules of its purpose, and its line with
// an answer is a training record again.

#include "base/check.h"
#include "base/text.h"
#include "data/record.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

using namespace outcrop;
using data::Purpose;
using data::Record;

/// The input as a file in memory, which has a path while it is open.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view content) : descriptor_(::memfd_create("records", MFD_CLOEXEC)) {
    CHECK(descriptor_ >= 0, "no file in memory");
    CHECK(::write(descriptor_, content.data(), content.size()) == static_cast<ssize_t>(content.size()),
          "the file in memory is cut off");
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  Path path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }

 private:
  int descriptor_;
};

void check_turns(const Record& record, Role last) {
  CHECK(!record.messages.empty() && record.messages.back().role == last, "the wrong speaker ends it");
  Role expected = Role::user;
  for (const ChatMessage& message : record.messages) {
    CHECK(!message.content.empty(), "an empty message");
    CHECK(valid_utf8_prefix(message.content) == message.content.size(), "a message that is not UTF-8");
    if (&message == &record.messages.front() && message.role == Role::system) continue;
    CHECK(message.role == expected, "speakers do not alternate");
    expected = expected == Role::user ? Role::assistant : Role::user;
  }
}

void answer(const data::PromptRecord& prompt) {
  check_turns(prompt.record, Role::user);
  const std::string line = data::render_with_answer(prompt.record, "an answer");
  CHECK(line.find('\n') == std::string::npos, "a record of several lines");
  data::Findings findings;
  const auto record = data::parse_record(line, Purpose::training, "answered", 1, findings);
  CHECK(record && findings.empty(), "an answered prompt is no training record");
  CHECK(record->messages.size() == prompt.record.messages.size() + 1, "messages were lost");
  for (std::size_t i = 0; i < prompt.record.messages.size(); ++i) {
    CHECK(record->messages[i].content == prompt.record.messages[i].content, "a message changed");
  }
}

template <class T>
void check_error(const Result<T>& result) {
  CHECK(!result.error().message.empty(), "an error without a message");
  CHECK(result.error().message.size() < 200'000, "an error without bounds");
  CHECK(valid_utf8_prefix(result.error().message) == result.error().message.size(),
        "an error that is not UTF-8");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  const MemoryFile file({reinterpret_cast<const char*>(input), size});
  if (const auto records = data::read_training_records(file.path())) {
    for (const Record& record : *records) check_turns(record, Role::assistant);
  } else {
    check_error(records);
  }
  if (const auto prompts = data::read_prompt_records(file.path())) {
    for (const data::PromptRecord& prompt : *prompts) answer(prompt);
  } else {
    check_error(prompts);
  }
  return 0;
}
