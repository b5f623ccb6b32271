#pragma once
// Where every parameter of a model lies in one flat buffer. Weights, float masters, gradients and moments
// all share the layout; the normalised model file stores its tensors in the same order without holes, so
// that its mapped data region is the flat buffer. Query, key and value rows are adjacent, and so are gate
// and up: the fused products read them as one matrix.

#include "model/config.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::model {

struct Parameter {
  std::string name;   ///< Hugging Face name: "model.layers.0.self_attn.q_proj.weight"
  std::int64_t rows;  ///< 1 for vectors
  std::int64_t cols;
  bool is_vector;       ///< norm weights: stored with one dimension, no weight decay
  std::int64_t offset;  ///< elements from the buffer's start

  std::int64_t elements() const noexcept { return rows * cols; }
};

/// Offsets of one layer's blocks; -1 where the architecture has none.
struct LayerOffsets {
  std::int64_t input_norm = -1;           ///< [D]
  std::int64_t qkv = -1;                  ///< [(H + 2 Hkv) K, D]
  std::int64_t q_norm = -1;               ///< [K]
  std::int64_t k_norm = -1;               ///< [K]
  std::int64_t o = -1;                    ///< [D, H K]
  std::int64_t post_attention_norm = -1;  ///< [D], sandwich only: on the attention's output
  std::int64_t ffn_norm = -1;             ///< [D], before the feed-forward
  std::int64_t gate_up = -1;              ///< [2 F, D]
  std::int64_t down = -1;                 ///< [D, F]
  std::int64_t post_ffn_norm = -1;        ///< [D], sandwich only
};

struct ModelLayout {
  std::vector<Parameter> parameters;  ///< in file order
  std::vector<LayerOffsets> layers;
  std::int64_t embedding = 0;   ///< [V, D]
  std::int64_t final_norm = 0;  ///< [D]
  std::int64_t head = 0;        ///< [V, D]; equals embedding when tied
  std::int64_t elements = 0;    ///< of the whole buffer

  const Parameter* find(std::string_view name) const noexcept;
};

/// Pure function of the configuration.
ModelLayout make_layout(const DecoderConfig& config);

}  // namespace outcrop::model
