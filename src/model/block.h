#pragma once
// One decoder block for training: forward that keeps what backward needs, and the hand-derived backward.
//
//   n1 = norm(x)                qkv = n1 Wqkvᵀ, heads normed (gemma) and rotated
//   a  = attention(qkv)         m   = x + [norm](a Woᵀ)
//   n2 = norm(m)                h   = act(gate) * up,  gate|up = n2 Wguᵀ
//   out = m + [norm](h Wdownᵀ)
//
// [norm]: sandwich norms, gemma only. Shapes use the glossary's letters: T tokens of the row, D, H, K, F.

#include "base/page_buffer.h"
#include "model/adapted_linear.h"
#include "model/layer_weights.h"
#include "tensor/ops.h"

#include <cstdint>
#include <span>
#include <vector>

namespace outcrop::model {

/// What one block keeps from forward to backward. Rows of the buffers: the longest row to come.
template <class T>
struct BlockActivations {
  T* x = nullptr;              // [T, D] the block's input
  T* n1 = nullptr;             // [T, D + R]
  T* qkv_raw = nullptr;        // [T, (H + 2 Hkv) K] the product's output; values are read from here
  T* qkv = nullptr;            // [T, (H + 2 Hkv) K] queries and keys rotated; the same buffer without qk_norm
  T* attended = nullptr;       // [T, H K + R]
  T* projected = nullptr;      // [T, D] before the post-attention norm; sandwich only
  T* mid = nullptr;            // [T, D]
  T* n2 = nullptr;             // [T, D + R]
  T* gate_up = nullptr;        // [T, 2 F]
  T* h = nullptr;              // [T, F + R]
  T* ffn = nullptr;            // [T, D] before the post-feed-forward norm; sandwich only
  float* logsumexp = nullptr;  // [H, T]
  float* rms1 = nullptr;       // [T] inverse root mean squares of the norms
  float* rms2 = nullptr;
  float* rms_heads = nullptr;  // [H + Hkv, T]
  float* rms_post1 = nullptr;
  float* rms_post2 = nullptr;
};

/// Buffers that live only within one block's pass; all blocks share them.
template <class T>
struct BlockScratch {
  T* branch = nullptr;  // [T, D] a branch's output before it joins the residual
  T* wide = nullptr;    // [T, (H + 2 Hkv) K] gradient of queries, keys and values
  T* d_in = nullptr;    // [T, max in + R] gradient of a product's input
  AdapterScratch<T> adapter;
};

/// The row that is being worked on.
struct RowContext {
  std::int64_t tokens = 0;
  std::int64_t capacity = 0;                     ///< rows of the buffers, the stride of [·, T] ones
  std::span<const std::int32_t> positions;       ///< per token, from 0 in each segment
  std::span<const std::int32_t> segment_starts;  ///< and the end
  ops::RopeTable rope;                           ///< of this layer
  float dropout = 0.0F;
  std::uint64_t dropout_seed = 0;
};

template <class T>
class Block {
 public:
  Block() = default;
  /// `layer` gives norms and frozen weights; `gradients` (full fine-tuning) is empty for LoRA.
  Block(Arena& arena, const DecoderConfig& config, std::int64_t index, LayerView<const T> weights,
        LayerView<float> gradients, const LoraConfig* lora, const LoraLayout* lora_layout);

  void load_adapter(std::span<const float> adapter);
  BlockActivations<T> take_activations(Arena& arena, std::int64_t rows) const;
  /// Elements that BlockScratch::d_in and adapter.* need per token and in all.
  std::int64_t max_extended() const noexcept;
  std::int64_t max_adapter_gradient() const noexcept;

  /// Reads saved.x, fills the rest of `saved`, writes the block's output [T, D].
  void forward(Matrix<T> out, const BlockActivations<T>& saved, const RowContext& row,
               const BlockScratch<T>& scratch) const;

  /// d: [T, D], the gradient of the output on entry and of the input on return (unless want_dx is false).
  /// saved.gate_up is overwritten. `adapter_gradients` is the flat buffer of a LoRA run.
  void backward(Matrix<T> d, const BlockActivations<T>& saved, const RowContext& row,
                const BlockScratch<T>& scratch, std::span<float> adapter_gradients, bool want_dx) const;

 private:
  enum Product : std::size_t { kQkv, kO, kGateUp, kDown };
  Matrix<T> input_of(Product product, const BlockActivations<T>& saved, std::int64_t tokens) const;
  DropoutMask mask_of(Product product, const RowContext& row) const;
  void forward_heads(const BlockActivations<T>& saved, const RowContext& row) const;
  void forward_attention(const BlockActivations<T>& saved, const RowContext& row) const;
  /// Returns the gradient of the product's input, [T, in]. Adds the product's own gradients.
  Matrix<T> backward_product(Product product, Matrix<const T> dy, const BlockActivations<T>& saved,
                             const RowContext& row, const BlockScratch<T>& scratch,
                             std::span<float> adapter_gradients, bool want_dx) const;
  void backward_ffn(Matrix<T> d, const BlockActivations<T>& saved, const RowContext& row,
                    const BlockScratch<T>& scratch, std::span<float> adapter_gradients) const;
  void backward_attention(Matrix<T> d_qkv, Matrix<const T> d_attended, const BlockActivations<T>& saved,
                          const RowContext& row) const;
  void backward_heads(Matrix<T> d_qkv, const BlockActivations<T>& saved, const RowContext& row) const;

  Matrix<T> heads_of(T* qkv, std::int64_t head, std::int64_t tokens) const;
  std::span<float> rms_of_head(const BlockActivations<T>& saved, std::int64_t head,
                               const RowContext& row) const;

  const DecoderConfig* config_ = nullptr;
  std::int64_t index_ = 0;
  ops::RmsNorm norm_{};
  LayerView<const T> weights_;
  LayerView<float> gradients_;
  bool full_ = false;
  AdaptedLinear<T> products_[4];  // by Product; used in LoRA runs
};

}  // namespace outcrop::model
