#pragma once
// What attention.cpp hands to one instruction-set level: a block of work of one segment and one key head,
// with all of the query heads that share it. Plain data only, because the files of a level may include no
// library header. bfloat16 travels as its bits.

#include "kernels/isa_level.h"

#include <cstdint>

namespace outcrop::kernels::cpu {

/// Keys that are scored together.
inline constexpr std::int64_t kKeyTile = 64;
/// Rows (a row is one query of one head) that a block aims at.
inline constexpr std::int64_t kRowBlock = 96;
/// Every matrix in scratch is padded to a multiple of this many columns: the widest vector of any level.
inline constexpr std::int64_t kColumnQuantum = 16;

constexpr std::int64_t padded_columns(std::int64_t columns) noexcept {
  return (columns + kColumnQuantum - 1) / kColumnQuantum * kColumnQuantum;
}

/// Queries of one block. Row r of a block is query r / group, head r % group.
constexpr std::int64_t queries_per_block(std::int64_t group) noexcept {
  return group >= kRowBlock ? 1 : kRowBlock / group;
}

struct AttentionGeometry {
  std::int64_t group;       ///< query heads of this key head
  std::int64_t head_width;  ///< K
  std::int64_t q_stride;    ///< elements between tokens, for dq too; likewise below
  std::int64_t k_stride;
  std::int64_t v_stride;
  std::int64_t out_stride;
  float scale;
  std::int64_t window;  ///< 0: none
};

/// Pointers stand at the block's first query, at the first head of the group, or at key 0 of the key head.
template <class T>
struct AttentionForwardBlock {
  AttentionGeometry geometry;
  const T* q;
  const T* k;
  const T* v;
  T* out;
  float* logsumexp;  ///< entry of the block's first query and first head, or null
  std::int64_t logsumexp_stride;
  std::int64_t queries;
  std::int64_t position;   ///< of the first query among the keys
  std::int64_t key_begin;  ///< keys [key_begin, key_end) that this block may see
  std::int64_t key_end;
};

/// A whole segment of one key head.
template <class T>
struct AttentionBackwardBlock {
  AttentionGeometry geometry;
  const T* q;
  const T* k;
  const T* v;
  const T* out;
  const float* logsumexp;
  std::int64_t logsumexp_stride;
  const T* dout;
  T* dq;
  T* dk;
  T* dv;
  std::int64_t tokens;
};

/// Scratch in 4-byte words that every level fits in.
std::int64_t attention_forward_scratch(const AttentionGeometry& geometry) noexcept;
std::int64_t attention_backward_scratch(const AttentionGeometry& geometry, std::int64_t tokens) noexcept;

/// The scratch must stand at a 64-byte boundary. T = float or the bits of a bfloat16; float at avx512bf16
/// takes avx512's code.
template <Isa isa, class T>
void attention_forward(const AttentionForwardBlock<T>& block, float* scratch) noexcept;
template <Isa isa, class T>
void attention_backward(const AttentionBackwardBlock<T>& block, float* scratch) noexcept;

}  // namespace outcrop::kernels::cpu
