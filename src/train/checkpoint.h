#pragma once
// Checkpoints of a run: everything that the next step depends on, written whole or not at all.
//
//   checkpoints/step-N/
//     tensors.safetensors   parameters, first_moment, second_moment: F32, flat
//     state.json            {"format", "step", "identity", "tensors", "tensors_fingerprint", progress…,
//                            "checksum"}: the checksum covers the text of all members before it
//
// Order and dropout are functions of (seed, step), gradients are empty between steps: neither is stored.

#include "base/files.h"
#include "base/result.h"
#include "json/json.h"
#include "model/trainable.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace outcrop::train {

/// One measured validation loss.
struct ValidationPoint {
  std::int64_t step = 0;
  double loss = 0.0;
};

/// What a run has seen so far.
struct Progress {
  std::int64_t step = 0;  ///< updates done
  double first_loss = 0.0;
  std::int64_t tokens = 0;
  double seconds = 0.0;  ///< of training, over all starts
  std::vector<ValidationPoint> validations;
};

/// The buffers of a checkpoint, all of the same length.
struct CheckpointTensors {
  std::span<float> parameters;
  std::span<float> first_moment;
  std::span<float> second_moment;
};

/// Not thread-safe.
class Checkpoints {
 public:
  /// `identity`: members that must be equal for a checkpoint to fit a run (options, data fingerprints).
  Checkpoints(Path folder, Json identity, const std::vector<model::TrainableTensor>& tensors,
              std::int64_t keep);

  /// Removes every checkpoint and left-over temporary folder.
  Status clear() const;

  /// Written to a temporary folder, synced, renamed; then older ones beyond `keep` go. An error leaves the
  /// earlier checkpoints as they are.
  Status save(const Progress& progress, const CheckpointTensors& tensors) const;

  /// Loads the newest whole checkpoint into `tensors`; nothing when there is none. Broken ones are logged,
  /// removed and the one before is used. conflict when a whole one belongs to another configuration, to
  /// other data or to other parameters: names the member and both values.
  Result<std::optional<Progress>> load_newest(const CheckpointTensors& tensors) const;

  /// The newest step that looks whole from outside, without reading tensors.
  static std::optional<std::int64_t> newest_step(const Path& folder);

  /// Steps of the best validation loss that kept checkpoints refer to.
  std::vector<std::int64_t> best_steps() const;

 private:
  Result<Progress> load(std::int64_t step, const CheckpointTensors& tensors) const;
  Status check_identity(const Json& state, std::int64_t step) const;
  Status remove(std::int64_t step) const;

  Path folder_;  ///< RUN/checkpoints
  Json identity_;
  Json names_;  ///< ["name:elements", …]
  std::int64_t keep_;
};

/// The point with the lowest loss, the earliest of equals; nothing when there is none.
std::optional<ValidationPoint> best_of(const std::vector<ValidationPoint>& validations);

/// A flat float buffer as one safetensors file, with the step in its metadata.
Status save_parameters(const Path& file, std::span<const float> parameters, std::int64_t step);
Status load_parameters(const Path& file, std::span<float> parameters);

}  // namespace outcrop::train
