#pragma once
// Which LoRA matrices act on one fused product, and where their parts lie in it.

#include "model/layer_weights.h"
#include "model/lora.h"

#include <cstdint>
#include <vector>

namespace outcrop::model {

/// One module's share of a fused product y[T, out] = x[T, in] Wᵀ.
struct LoraMember {
  std::int64_t rank;
  std::int64_t rank_begin;  ///< first of its columns among the group's ranks
  std::int64_t out;         ///< rows of W that it adapts
  std::int64_t out_begin;
  std::int64_t a;  ///< offset of A [rank, in] in the adapter's buffer
  std::int64_t b;  ///< offset of B [out, rank]
};

struct LoraGroup {
  std::vector<LoraMember> members;
  std::int64_t rank = 0;  ///< of all members together
};

/// Empty when no module of the group is adapted in that layer.
LoraGroup make_lora_group(Group group, std::int64_t layer, const LoraLayout& layout,
                          const DecoderConfig& config);

}  // namespace outcrop::model
