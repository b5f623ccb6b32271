#include "model/import_source.h"

#include "model/import_gguf.h"
#include "model/import_huggingface.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

namespace outcrop::model {
namespace {

/// PyTorch's zip archive, or a bare pickle of protocol 2 to 5.
bool is_pickle(std::string_view start) {
  if (start.starts_with("PK\x03\x04")) return true;
  return start.size() >= 2 && start[0] == '\x80' && start[1] >= 2 && start[1] <= 5;
}

bool has_extension(const Path& source, std::initializer_list<std::string_view> extensions) {
  const std::string own = source.extension().string();
  return std::any_of(extensions.begin(), extensions.end(),
                     [&](std::string_view known) { return own == known; });
}

tl::unexpected<Error> refuse_pickle(std::string_view name) {
  return fail(
      Code::unsupported,
      fmt::format("{}: is a pickle (PyTorch) file, which can run code when it is read, and is refused; import "
                  "the model's safetensors folder or GGUF file, or convert it with "
                  "AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(NEW_FOLDER)",
                  name));
}

/// An error when the file cannot be a GGUF file and we can tell what it is instead.
Status check_is_no_other_format(const Path& source) {
  const std::string name = source.filename().string();
  OUTCROP_TRY(const MappedFile file, MappedFile::open(source));
  const std::string_view start = file.text().substr(0, 64);
  if (start.starts_with("GGUF")) return {};
  if (is_pickle(start) || has_extension(source, {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"}))
    return refuse_pickle(name);
  const bool opens_header = start.size() > 8 && start[8] == '{';
  if (opens_header || has_extension(source, {".safetensors", ".json"})) {
    return fail(Code::invalid_argument,
                fmt::format("{}: give the folder that holds it, with config.json and tokenizer.json", name));
  }
  if (start.starts_with("version https://git-lfs")) {
    return fail(Code::unsupported,
                fmt::format("{}: is a Git LFS pointer, not the file itself; `git lfs pull` fetches it", name));
  }
  if (start.starts_with('<')) {
    return fail(Code::unsupported,
                fmt::format("{}: is a web page, not a model; download the file again", name));
  }
  return {};
}

}  // namespace

Result<ForeignModel> open_import_source(const Path& source) {
  std::error_code error;
  const auto status = std::filesystem::status(source, error);
  if (!std::filesystem::exists(status)) {
    return fail(Code::not_found, fmt::format("{} does not exist", source.string()));
  }
  if (std::filesystem::is_directory(status)) return open_huggingface_model(source);
  OUTCROP_CHECK_OK(check_is_no_other_format(source));
  return open_gguf_model(source);
}

}  // namespace outcrop::model
