#pragma once
// Running a model for training: forward, loss and hand-derived backward over a packed row of segments.
// The trainable parameters and their gradients are flat float buffers, which is all that an optimizer sees.

#include "model/lora.h"
#include "model/model.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::model {

inline constexpr std::int32_t kNoTarget = -1;

/// Several records one after the other, without padding. Attention and positions restart at each segment.
struct PackedRow {
  std::span<const TokenId> tokens;
  std::span<const std::int32_t> targets;         ///< per token: the id to predict next, or kNoTarget
  std::span<const std::int32_t> segment_starts;  ///< first token of each segment, then tokens.size()
};

struct RowLoss {
  double loss_sum = 0.0;     ///< nats over the targets
  std::int64_t targets = 0;  ///< tokens that had one
  std::int64_t correct = 0;  ///< predicted greedily
};

/// One trainable tensor, for weight-decay groups, names and checkpoints.
struct TrainableTensor {
  std::string name;
  std::int64_t offset;
  std::int64_t elements;
  bool decay;  ///< false for norms and for LoRA's B
};

struct TrainableOptions {
  std::optional<LoraAdapter> lora = {};  ///< start from this adapter; none: full fine-tuning
  bool train_full = false;               ///< all weights, float masters
  std::int64_t max_row_tokens = 2048;    ///< the longest PackedRow that will come
  std::int64_t loss_chunk_tokens = 256;  ///< logits are computed for this many targets at a time
};

/// What training will need, computed before anything is allocated. Bytes.
struct TrainableMemory {
  std::int64_t weights = 0;  ///< compute copies and mapped weights
  std::int64_t masters = 0;  ///< float parameters
  std::int64_t gradients = 0;
  std::int64_t activations = 0;  ///< saved for backward, at max_row_tokens
  std::int64_t workspace = 0;    ///< logits chunk and scratch
  std::int64_t total() const noexcept { return weights + masters + gradients + activations + workspace; }
};
TrainableMemory plan_trainable(const DecoderConfig& config, DType dtype, const TrainableOptions& options);

/// Not thread-safe; uses the compute pool inside. Results do not depend on the number of threads.
class Trainable {
 public:
  virtual ~Trainable() = default;
  /// Adds the gradient of (loss_sum * scale) to gradients(). `dropout_seed` picks the dropout masks: give
  /// every (step, micro-batch) its own.
  virtual RowLoss forward_backward(const PackedRow& row, float scale, std::uint64_t dropout_seed) = 0;
  /// Loss only, without dropout.
  virtual RowLoss evaluate(const PackedRow& row) = 0;

  virtual std::span<float> parameters() noexcept = 0;  ///< masters
  virtual std::span<float> gradients() noexcept = 0;
  virtual const std::vector<TrainableTensor>& tensors() const noexcept = 0;
  /// Call after parameters() changed: refreshes the compute copies.
  virtual void parameters_changed() = 0;
  /// The adapter as it stands; CHECKs that this is a LoRA run.
  virtual LoraAdapter adapter() const = 0;
};

/// invalid_argument when neither or both of lora and train_full are set; out_of_memory when buffers cannot
/// be had.
Result<std::unique_ptr<Trainable>> make_trainable(std::shared_ptr<const Model> model, TrainableOptions options);

}  // namespace outcrop::model
