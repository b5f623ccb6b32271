#pragma once
// Folders that appear whole or not at all, also with several processes at work on one home. Callers: the
// library and the exports.

#include "base/files.h"
#include "base/result.h"

#include <string>
#include <string_view>

namespace outcrop::model {

/// The folder name of a checked id. Different ids have different names.
std::string folder_name(std::string_view id);
/// The other way round.
std::string id_of_folder(std::string_view name);

/// A new folder under `parent` for work in progress; removed with its content unless published.
class StagingFolder {
 public:
  /// Also removes what crashed processes left there more than a day ago.
  static Result<StagingFolder> create(const Path& parent);
  StagingFolder(StagingFolder&& other) noexcept;
  StagingFolder& operator=(StagingFolder&&) = delete;
  ~StagingFolder();

  const Path& path() const noexcept { return path_; }
  /// Gives it its name, in one step: an existing folder is exchanged and then removed if `replace`,
  /// else already_exists.
  Status publish(const Path& target, bool replace);

 private:
  explicit StagingFolder(Path path) : path_(std::move(path)) {}
  Path path_;
};

/// Takes the folder out of sight in one step, then removes it. not_found when there is none.
Status remove_folder(const Path& folder);

/// Copies a regular file, synced; does nothing when there is no such file.
Status copy_if_there(const Path& from, const Path& to);

}  // namespace outcrop::model
