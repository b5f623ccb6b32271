#pragma once
// Runs the outcrop program as a person does, and keeps what it said.

#include "base/files.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace outcrop::cli {

struct Said {
  int status = -1;  ///< exit status; 128 + signal when killed
  std::string out;
  std::string err;
};

/// A folder of its own for one test, removed at the end.
class Workplace {
 public:
  Workplace() {
    std::string name = (std::filesystem::temp_directory_path() / "outcrop-cli-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;
  ~Workplace() { std::filesystem::remove_all(folder_); }

  const Path& folder() const { return folder_; }
  Path home() const { return folder_ / "home"; }

  /// Standard input is `input`; the home is this workplace's.
  Said run(const std::vector<std::string>& arguments, std::string_view input = {}) const {
    const Path in = folder_ / "stdin";
    const Path out = folder_ / "stdout";
    const Path err = folder_ / "stderr";
    if (!write_file_atomic(in, input)) return {};
    const pid_t child = fork();
    if (child == 0) {
      connect(in, O_RDONLY, STDIN_FILENO);
      connect(out, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
      connect(err, O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
      setenv("OUTCROP_HOME", home().c_str(), 1);
      std::vector<std::string> words{OUTCROP_BINARY};
      words.insert(words.end(), arguments.begin(), arguments.end());
      std::vector<char*> pointers;
      for (std::string& word : words) pointers.push_back(word.data());
      pointers.push_back(nullptr);
      execv(OUTCROP_BINARY, pointers.data());
      _exit(127);
    }
    int status = 0;
    waitpid(child, &status, 0);
    Said said;
    said.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    said.out = read_file(out).value_or("");
    said.err = read_file(err).value_or("");
    return said;
  }

 private:
  static void connect(const Path& file, int flags, int descriptor) {
    const int opened = open(file.c_str(), flags, 0600);
    if (opened < 0 || dup2(opened, descriptor) < 0) _exit(126);
  }

  Path folder_;
};

}  // namespace outcrop::cli
