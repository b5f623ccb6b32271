#include "train/checkpoint.h"

#include "base/log.h"
#include "formats/safetensors.h"
#include "train/fingerprint.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

namespace outcrop::train {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kFormat = 1;
constexpr std::string_view kPrefix = "step-";
constexpr std::string_view kTemporary = ".tmp-";

std::string folder_name(std::int64_t step) {
  return fmt::format("{}{}", kPrefix, step);
}

/// The steps of all folders named step-N, ascending.
std::vector<std::int64_t> steps_in(const Path& folder) {
  std::vector<std::int64_t> steps;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    std::int64_t step = 0;
    const char* last = name.data() + name.size();
    const auto [stop, failed] = std::from_chars(name.data() + kPrefix.size(), last, step);
    if (failed == std::errc{} && stop == last && folder_name(step) == name) steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

Status rename_path(const Path& from, const Path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) return fail_errno(from, "rename", error.value());
  return {};
}

void remove_quietly(const Path& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

std::string fingerprint_of_tensors(const CheckpointTensors& tensors) {
  Fingerprint fingerprint;
  for (const auto& part : {tensors.parameters, tensors.first_moment, tensors.second_moment}) {
    fingerprint.add_values(std::span<const float>(part));
  }
  return fingerprint.hex();
}

Status write_tensors(const Path& file, const CheckpointTensors& tensors) {
  const std::vector<std::int64_t> shape{static_cast<std::int64_t>(tensors.parameters.size())};
  OUTCROP_TRY(auto writer, formats::SafetensorsWriter::create(file, {{"parameters", DType::f32, shape},
                                                                     {"first_moment", DType::f32, shape},
                                                                     {"second_moment", DType::f32, shape}}));
  OUTCROP_CHECK_OK(writer.write(std::as_bytes(tensors.parameters)));
  OUTCROP_CHECK_OK(writer.write(std::as_bytes(tensors.first_moment)));
  OUTCROP_CHECK_OK(writer.write(std::as_bytes(tensors.second_moment)));
  return writer.finish();
}

/// The bytes of a stored float tensor, in the file's map.
Result<std::span<const std::byte>> find_floats(const formats::Safetensors& file, std::string_view name,
                                               std::size_t elements) {
  const formats::TensorEntry* entry = file.find(name);
  if (entry == nullptr) return fail(Code::corrupt_data, fmt::format("tensor '{}' is missing", name));
  if (entry->dtype != DType::f32 || entry->bytes.size() != elements * sizeof(float)) {
    return fail(Code::corrupt_data,
                fmt::format("tensor '{}' has {} bytes of {}, {} of F32 are needed", name, entry->bytes.size(),
                            to_string(entry->dtype), elements * sizeof(float)));
  }
  return entry->bytes;
}

void copy_floats(std::span<float> to, std::span<const std::byte> from) {
  if (!to.empty()) std::memcpy(to.data(), from.data(), to.size_bytes());
}

/// Reads all three buffers, or changes none of them.
Status read_tensors(const Path& path, std::string_view fingerprint, const CheckpointTensors& tensors) {
  OUTCROP_TRY(const auto file, formats::Safetensors::open(path));
  const std::size_t elements = tensors.parameters.size();
  OUTCROP_TRY(const auto parameters, find_floats(file, "parameters", elements));
  OUTCROP_TRY(const auto first, find_floats(file, "first_moment", elements));
  OUTCROP_TRY(const auto second, find_floats(file, "second_moment", elements));
  Fingerprint seen;
  for (const auto& bytes : {parameters, first, second}) seen.add(bytes);
  if (seen.hex() != fingerprint) {
    return fail(Code::corrupt_data, fmt::format("{}: the checksum does not match", path.string()));
  }
  copy_floats(tensors.parameters, parameters);
  copy_floats(tensors.first_moment, first);
  copy_floats(tensors.second_moment, second);
  return {};
}

Json to_json(const std::vector<ValidationPoint>& validations) {
  Json list = Json::array();
  for (const ValidationPoint& point : validations)
    list.push_back(Json::array({Json(point.step), Json(point.loss)}));
  return list;
}

/// state.json without its checksum, after the checksum was found right.
Result<Json> read_state(const Path& file) {
  OUTCROP_TRY(const std::string text, read_file(file));
  OUTCROP_TRY(const Json stored, Json::parse(text));
  Json state = Json::object();
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const auto [key, value] = stored.member(i);
    if (key != "checksum") state.set(key, value);
  }
  if (stored["checksum"].as_string().value_or("") != fingerprint_of(state.dump())) {
    return fail(Code::corrupt_data, fmt::format("{}: the checksum does not match", file.string()));
  }
  if (state["format"].as_int() != kFormat) {
    return fail(Code::unsupported, fmt::format("{}: format {} is not known, this version reads {}",
                                               file.string(), state["format"].dump(), kFormat));
  }
  return state;
}

Result<Progress> read_progress(const Json& state, std::string_view where) {
  Progress progress;
  OUTCROP_TRY(progress.step, state.require_int("step", where));
  OUTCROP_TRY(progress.first_loss, state.require_number("first_loss", where));
  OUTCROP_TRY(progress.tokens, state.require_int("tokens", where));
  OUTCROP_TRY(progress.seconds, state.require_number("seconds", where));
  const Json& list = state["validations"];
  for (std::size_t i = 0; i < list.size(); ++i) {
    progress.validations.push_back({list[i][0].as_int().value_or(0), list[i][1].as_double().value_or(0.0)});
  }
  return progress;
}

}  // namespace

std::optional<ValidationPoint> best_of(const std::vector<ValidationPoint>& validations) {
  if (validations.empty()) return std::nullopt;
  return *std::min_element(validations.begin(), validations.end(),
                           [](const auto& a, const auto& b) { return a.loss < b.loss; });
}

Checkpoints::Checkpoints(Path folder, Json identity, const std::vector<model::TrainableTensor>& tensors,
                         std::int64_t keep)
    : folder_(std::move(folder)),
      identity_(std::move(identity)),
      names_(Json::array()),
      keep_(std::max<std::int64_t>(keep, 1)) {
  for (const auto& tensor : tensors) names_.push_back(fmt::format("{}:{}", tensor.name, tensor.elements));
}

Status Checkpoints::clear() const {
  remove_quietly(folder_);
  return make_directories(folder_);
}

Status Checkpoints::remove(std::int64_t step) const {
  // Renamed first: a removal that a crash cuts short must not look like a checkpoint.
  const Path trash = folder_ / fmt::format("{}removed-{}-{}", kTemporary, step, ::getpid());
  remove_quietly(trash);
  OUTCROP_CHECK_OK(rename_path(folder_ / folder_name(step), trash));
  remove_quietly(trash);
  return {};
}

Status Checkpoints::save(const Progress& progress, const CheckpointTensors& tensors) const {
  OUTCROP_CHECK_OK(make_directories(folder_));
  const Path target = folder_ / folder_name(progress.step);
  const Path temporary = folder_ / fmt::format("{}{}-{}", kTemporary, progress.step, ::getpid());
  Json state = Json::object({{"format", Json(kFormat)},
                             {"step", Json(progress.step)},
                             {"identity", identity_},
                             {"tensors", names_},
                             {"tensors_fingerprint", Json(fingerprint_of_tensors(tensors))},
                             {"first_loss", Json(progress.first_loss)},
                             {"tokens", Json(progress.tokens)},
                             {"seconds", Json(progress.seconds)},
                             {"validations", to_json(progress.validations)}});
  state.set("checksum", fingerprint_of(state.dump()));

  const auto write = [&]() -> Status {
    OUTCROP_CHECK_OK(make_directories(temporary));
    OUTCROP_CHECK_OK(write_tensors(temporary / "tensors.safetensors", tensors));
    OUTCROP_CHECK_OK(write_file_atomic(temporary / "state.json", state.dump(1)));
    std::error_code ignored;
    if (fs::exists(target, ignored)) OUTCROP_CHECK_OK(remove(progress.step));
    OUTCROP_CHECK_OK(rename_path(temporary, target));
    return sync_directory(folder_);
  };
  if (auto written = write(); !written) {
    remove_quietly(temporary);
    return forward_error(written, fmt::format("saving the checkpoint of step {}", progress.step));
  }
  const std::vector<std::int64_t> steps = steps_in(folder_);
  for (std::size_t i = 0; i + static_cast<std::size_t>(keep_) < steps.size(); ++i)
    OUTCROP_CHECK_OK(remove(steps[i]));
  return {};
}

Status Checkpoints::check_identity(const Json& state, std::int64_t step) const {
  const Json& stored = state["identity"];
  for (std::size_t i = 0; i < identity_.size(); ++i) {
    const auto [key, wanted] = identity_.member(i);
    if (stored[key] == wanted) continue;
    return fail(
        Code::conflict,
        fmt::format("the checkpoint of step {} was made with {} {}, this run has {}: give the same again, or "
                    "start anew",
                    step, key, stored[key].dump(), wanted.dump()));
  }
  if (state["tensors"] == names_) return {};
  return fail(Code::conflict,
              fmt::format("the checkpoint of step {} holds other parameters than this run trains: "
                          "{} tensors against {}",
                          step, state["tensors"].size(), names_.size()));
}

Result<Progress> Checkpoints::load(std::int64_t step, const CheckpointTensors& tensors) const {
  const Path folder = folder_ / folder_name(step);
  OUTCROP_TRY(const Json state, read_state(folder / "state.json"));
  OUTCROP_TRY(Progress progress, read_progress(state, (folder / "state.json").string()));
  if (progress.step != step) {
    return fail(Code::corrupt_data,
                fmt::format("{}: says step {}", (folder / "state.json").string(), progress.step));
  }
  OUTCROP_CHECK_OK(check_identity(state, step));
  OUTCROP_CHECK_OK(read_tensors(folder / "tensors.safetensors",
                                state["tensors_fingerprint"].as_string().value_or(""), tensors));
  return progress;
}

Result<std::optional<Progress>> Checkpoints::load_newest(const CheckpointTensors& tensors) const {
  std::vector<std::int64_t> steps = steps_in(folder_);
  std::reverse(steps.begin(), steps.end());
  bool broken = false;
  for (const std::int64_t step : steps) {
    auto loaded = load(step, tensors);
    if (loaded) {
      if (broken) log::warning("going on from the checkpoint before it", {{"step", step}});
      return std::optional<Progress>(*std::move(loaded));
    }
    if (loaded.error().code != Code::corrupt_data && loaded.error().code != Code::not_found &&
        loaded.error().code != Code::invalid_argument) {
      return forward_error(loaded);
    }
    log::warning("a broken checkpoint is left out", {{"step", step}, {"reason", loaded.error().message}});
    OUTCROP_CHECK_OK(remove(step));
    broken = true;
  }
  if (broken) log::warning("no whole checkpoint is left: the run begins at its first step");
  return std::optional<Progress>();
}

std::optional<std::int64_t> Checkpoints::newest_step(const Path& folder) {
  const std::vector<std::int64_t> steps = steps_in(folder);
  if (steps.empty()) return std::nullopt;
  return steps.back();
}

std::vector<std::int64_t> Checkpoints::best_steps() const {
  std::vector<std::int64_t> best;
  for (const std::int64_t step : steps_in(folder_)) {
    const Path file = folder_ / folder_name(step) / "state.json";
    const auto state = read_state(file);
    if (!state) continue;
    const auto progress = read_progress(*state, file.string());
    if (!progress) continue;
    if (const auto point = best_of(progress->validations)) best.push_back(point->step);
  }
  return best;
}

Status save_parameters(const Path& file, std::span<const float> parameters, std::int64_t step) {
  OUTCROP_TRY(auto writer,
              formats::SafetensorsWriter::create(
                  file, {{"parameters", DType::f32, {static_cast<std::int64_t>(parameters.size())}}},
                  {{"step", fmt::format("{}", step)}}));
  OUTCROP_CHECK_OK(writer.write(std::as_bytes(parameters)));
  return writer.finish();
}

Status load_parameters(const Path& file, std::span<float> parameters) {
  OUTCROP_TRY(const auto stored, formats::Safetensors::open(file));
  auto bytes = find_floats(stored, "parameters", parameters.size());
  if (!bytes) return forward_error(bytes, file.string());
  copy_floats(parameters, *bytes);
  return {};
}

}  // namespace outcrop::train
