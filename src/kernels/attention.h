#pragma once
// Causal grouped-query attention over ragged segments, blockwise with running softmax (Dao 2022,
// "FlashAttention"), so that no [T, T] matrix is kept. One kernel serves training (keys of the segment
// itself), prefill and decoding (keys from a cache).

#include "kernels/bfloat16.h"

#include <cstdint>
#include <span>

namespace outcrop::kernels {

struct AttentionShape {
  std::int64_t heads;       ///< H query heads
  std::int64_t kv_heads;    ///< heads / kv_heads query heads share one key head
  std::int64_t head_width;  ///< K
  std::int64_t q_stride;    ///< elements between the query rows of two tokens
  std::int64_t k_stride;
  std::int64_t v_stride;
  std::int64_t out_stride;
  float scale;          ///< applied to q·k
  std::int64_t window;  ///< 0: all earlier keys; W: a query at p sees keys p-W+1 … p
};

/// One sequence's share of a call. Its queries are the last `queries` of its `keys` positions, so query i
/// sees keys 0 … keys - queries + i. Head h of a token lies at row + h * head_width.
template <class T>
struct AttentionSegment {
  const T* q;
  const T* k;
  const T* v;
  T* out;
  float* logsumexp;  ///< [heads, logsumexp_stride]: row h, entry i for query i; null when no backward follows
  std::int64_t logsumexp_stride;
  std::int64_t queries;
  std::int64_t keys;
};

/// out = softmax(scale q kᵀ + mask) v, softmax in float. T = float or bfloat16. Runs on the compute pool.
template <class T>
void attention(std::span<const AttentionSegment<T>> segments, const AttentionShape& shape) noexcept;

/// Gradients for one segment whose queries == keys (training). dq, dk, dv share the strides of q, k, v and
/// are overwritten; dout shares out's.
template <class T>
struct AttentionGradient {
  const T* dout;
  T* dq;
  T* dk;
  T* dv;
};

/// gradients[i] belongs to segments[i]; logsumexp and out as the forward pass left them.
/// The result does not depend on the number of threads.
template <class T>
void attention_backward(std::span<const AttentionSegment<T>> segments,
                        std::span<const AttentionGradient<T>> gradients, const AttentionShape& shape) noexcept;

}  // namespace outcrop::kernels
