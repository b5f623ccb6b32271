#pragma once
// The run folder of a custom model, HOME/jobs/NAME: who may write it, whether it is new, unfinished or
// finished, and what it was started with. Private to the service room.
//
// Beside what the training loop writes (train/fine_tune.h), a run folder holds
//   config.json   what the run was started with: base, data, method, settings
//   adapter/      the PEFT folder of a LoRA run
//   result.json   written last, when the model is registered: its presence means finished

#include "base/files.h"
#include "base/result.h"
#include "json/json.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace outcrop::service {

/// Held while a run is worked on; the kernel lets go of it when the process dies, however it dies. The file
/// HOME/jobs/.NAME.lock goes with an orderly end.
class RunLock {
 public:
  /// conflict when another process (or thread) holds it.
  static Result<RunLock> take(const Path& home, std::string_view name);
  RunLock(RunLock&& other) noexcept;
  RunLock& operator=(RunLock&&) = delete;
  ~RunLock();

 private:
  RunLock(int descriptor, Path path) : descriptor_(descriptor), path_(std::move(path)) {}
  int descriptor_;
  Path path_;  ///< empty when the file is not ours to remove
};

enum class RunState : std::uint8_t { absent, unfinished, finished };

/// Not thread-safe. `name` must have passed model::check_model_id.
class RunFolder {
 public:
  RunFolder(const Path& home, std::string_view name);

  const Path& path() const noexcept { return path_; }
  RunState state() const;
  /// Whether this run may start: already_exists, conflict or not_found say what to do instead.
  Status check(bool resume, bool replace) const;
  /// A new, empty folder with the configuration in it; an old one of that name goes first.
  Status create(const Json& config) const;
  /// conflict names the first setting that differs from what the run was started with.
  Status check_same_config(const Json& config) const;
  Status finish(const Json& result) const;

 private:
  void remove_leftovers() const;

  std::string name_;
  Path path_;
};

}  // namespace outcrop::service
