#pragma once
// AdamW over the flat buffers of a Trainable: moments, weight-decay groups, gradient norm and clipping.

#include "model/trainable.h"
#include "train/fine_tune.h"

#include <cstdint>
#include <span>
#include <vector>

namespace outcrop::train {

/// Not thread-safe; computes on the compute pool through the kernels.
class Optimizer {
 public:
  /// CHECKs that the trainable's tensors tile its parameters without holes.
  Optimizer(const model::Trainable& layout, std::int64_t parameters, const FineTuneOptions& options);

  /// The global L2 norm of the gradients.
  static double gradient_norm(std::span<const float> gradients) noexcept;

  /// One update with the given norm: clips to options.clip_norm as torch.nn.utils.clip_grad_norm_ does,
  /// then AdamW. `step` is 1 for the first update.
  void update(std::span<float> parameters, std::span<const float> gradients, double norm, double learning_rate,
              std::int64_t step) noexcept;

  std::span<float> first_moment() noexcept { return m_; }
  std::span<float> second_moment() noexcept { return v_; }

 private:
  /// Neighbouring tensors with the same decay, updated by one kernel call.
  struct Group {
    std::int64_t offset;
    std::int64_t elements;
    bool decay;
  };
  FineTuneOptions options_;
  std::vector<Group> groups_;
  std::vector<float> m_;  ///< [parameters]
  std::vector<float> v_;  ///< [parameters]
};

}  // namespace outcrop::train
