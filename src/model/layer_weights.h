#pragma once
// The flat weight buffer seen as the matrices of one layer. Private views for the decoder and the trainer.

#include "model/layout.h"
#include "tensor/matrix.h"

#include <span>

namespace outcrop::model {

/// T is const for reading weights, float for gradients. Empty spans where the architecture has no such norm.
template <class T>
struct LayerView {
  std::span<T> input_norm;           // [D]
  Matrix<T> qkv;                     // [(H + 2 Hkv) K, D]
  std::span<T> q_norm;               // [K]
  std::span<T> k_norm;               // [K]
  Matrix<T> o;                       // [D, H K]
  std::span<T> post_attention_norm;  // [D]
  std::span<T> ffn_norm;             // [D]
  Matrix<T> gate_up;                 // [2 F, D]
  Matrix<T> down;                    // [D, F]
  std::span<T> post_ffn_norm;        // [D]
};

template <class T>
LayerView<T> view_layer(T* base, const LayerOffsets& at, const DecoderConfig& config) {
  const auto vector = [&](std::int64_t offset, std::int64_t size) {
    return offset < 0 || base == nullptr ? std::span<T>()
                                         : std::span<T>(base + offset, static_cast<std::size_t>(size));
  };
  const auto matrix = [&](std::int64_t offset, std::int64_t rows, std::int64_t cols) {
    return base == nullptr ? Matrix<T>() : Matrix<T>(base + offset, rows, cols);
  };
  const std::int64_t d = config.width;
  return {.input_norm = vector(at.input_norm, d),
          .qkv = matrix(at.qkv, config.qkv_width(), d),
          .q_norm = vector(at.q_norm, config.head_width),
          .k_norm = vector(at.k_norm, config.head_width),
          .o = matrix(at.o, d, config.query_width()),
          .post_attention_norm = vector(at.post_attention_norm, d),
          .ffn_norm = vector(at.ffn_norm, d),
          .gate_up = matrix(at.gate_up, 2 * config.ffn_width, d),
          .down = matrix(at.down, d, config.ffn_width),
          .post_ffn_norm = vector(at.post_ffn_norm, d)};
}

/// The four matrix products of a block; query, key and value share one, and so do gate and up.
enum class Group : std::uint8_t { qkv, o, gate_up, down };

struct GroupShape {
  std::int64_t in;
  std::int64_t out;
};
inline GroupShape group_shape(Group group, const DecoderConfig& c) {
  switch (group) {
    case Group::qkv:
      return {c.width, c.qkv_width()};
    case Group::o:
      return {c.query_width(), c.width};
    case Group::gate_up:
      return {c.width, 2 * c.ffn_width};
    case Group::down:
      return {c.ffn_width, c.width};
  }
  return {0, 0};
}

}  // namespace outcrop::model
