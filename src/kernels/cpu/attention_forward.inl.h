#pragma once
// Attention forward with running softmax: Dao 2022, "FlashAttention", algorithm 1, over key tiles. Scores are
// kept in base 2 (scale * log2 e folded into one factor).

#include "kernels/cpu/attention_pack.inl.h"
#include "kernels/cpu/attention_product.inl.h"

namespace outcrop::kernels::cpu {
namespace {

inline constexpr float kLog2E = 1.44269504F;
inline constexpr float kLn2 = 0.693147181F;
/// Below every score, and finite: the difference of two of them is no NaN.
inline constexpr float kNoScore = -3.0e38F;

template <class Form, class T>
class ForwardBlock {
 public:
  using Word = typename Form::Word;

  ForwardBlock(const AttentionForwardBlock<T>& block, float* memory)
      : block_(block),
        group_(block.geometry.group),
        width_(block.geometry.head_width),
        columns_(padded_columns(width_)),
        words_(words_for<Form>(width_)),
        rows_(block.queries * group_) {
    Scratch scratch{memory};
    q_ = scratch.take<Word>(rows_ * words_);
    keys_ = scratch.take<Word>(words_ * kKeyTile);
    values_ = scratch.take<Word>(kKeyTile * columns_);
    weights_ = scratch.take<Word>(kTileRows * kKeyTile);
    scores_ = scratch.take<float>(kTileRows * kKeyTile);
    out_ = scratch.take<float>(rows_ * columns_);
    largest_ = scratch.take<float>(rows_ + kColumnQuantum);
    total_ = scratch.take<float>(rows_ + kColumnQuantum);
  }

  void run() {
    const AttentionGeometry& g = block_.geometry;
    pack_along<Form, T>(q_, {block_.q, g.q_stride, group_, width_}, block_.queries);
    clear(out_, rows_ * columns_);
    for (std::int64_t r = 0; r < rows_; ++r) {
      largest_[r] = kNoScore;
      total_[r] = 0;
    }
    for (std::int64_t tile = block_.key_begin; tile < block_.key_end; tile += kKeyTile) {
      const std::int64_t left = block_.key_end - tile;
      const std::int64_t keys = left < kKeyTile ? left : kKeyTile;
      pack_across<Form>(keys_, block_.k + tile * g.k_stride, g.k_stride, keys, width_);
      pack_keys_down<Form>(values_, block_.v + tile * g.v_stride, g.v_stride, keys, width_);
      for (std::int64_t row = 0; row < rows_; row += kTileRows) strip(tile, keys, row);
    }
    finish();
  }

 private:
  void strip(std::int64_t tile, std::int64_t keys, std::int64_t row) {
    const std::int64_t rows = rows_ - row < kTileRows ? rows_ - row : kTileRows;
    const std::int64_t first = block_.position + row / group_;
    const std::int64_t last = block_.position + (row + rows - 1) / group_;
    const Span span = visible_to_strip(first, last, block_.geometry.window, tile, keys);
    if (span.empty()) return;
    multiply(Product<Form>{scores_, kKeyTile, q_ + row * words_, words_, 1, keys_ + span.begin, kKeyTile, rows,
                           span.padded(), words_, false});
    softmax(tile, row, rows, span);
    multiply(Product<Form>{out_ + row * columns_, columns_, weights_, kKeyTile / Form::kElements, 1,
                           values_ + span.begin / Form::kElements * columns_, columns_, rows, columns_,
                           words_for<Form>(span.end - span.begin), true});
  }

  /// Scores of a strip to weights, relative to each row's largest score so far; what stood under a smaller
  /// one is scaled down.
  void softmax(std::int64_t tile, std::int64_t row, std::int64_t rows, Span span) {
    float before[kColumnQuantum] = {};
    float after[kColumnQuantum] = {};
    for (std::int64_t r = 0; r < rows; ++r) {
      before[r] = largest_[row + r];
      after[r] = largest_[row + r] = largest_score(tile, row + r, scores_ + r * kKeyTile, span, before[r]);
    }
    float shrink[kColumnQuantum];
    for (std::int64_t i = 0; i < kTileRows; i += kLanes) {
      store(shrink + i, exp2<T>(load(before + i) - load(after + i)));
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      if (before[r] != after[r]) shrink_row(row + r, shrink[r]);
      total_[row + r] +=
          weigh(scores_ + r * kKeyTile, weights_ + r * (kKeyTile / Form::kElements), span, after[r]);
    }
  }

  float largest_score(std::int64_t tile, std::int64_t row, float* scores, Span span, float before) {
    const float factor = block_.geometry.scale * kLog2E;
    const Span seen = visible(block_.position + row / group_, block_.geometry.window, tile);
    const std::int64_t columns = span.padded();
    const bool masked = seen.begin > span.begin || seen.end < span.begin + columns;
    F32 best = broadcast(before);
    for (std::int64_t i = 0; i < columns; i += kLanes) {
      F32 score = load(scores + i) * factor;
      if (masked) {
        score = keep_lanes(score, seen.begin - span.begin - i, seen.end - span.begin - i, -__builtin_inff());
      }
      store(scores + i, score);
      best = max(score, best);
    }
    return largest_lane(best);
  }

  float weigh(const float* scores, Word* weights, Span span, float largest) {
    F32 total{};
    for (std::int64_t i = 0; i < span.padded(); i += kLanes) {
      const F32 weight = exp2<T>(load(scores + i) - largest);
      total += weight;
      Form::put_along(weights, i, weight);
    }
    return sum(total);
  }

  void shrink_row(std::int64_t row, float factor) {
    total_[row] *= factor;
    float* out = out_ + row * columns_;
    for (std::int64_t i = 0; i < columns_; i += kLanes) store(out + i, load(out + i) * factor);
  }

  void finish() {
    const QueryRows<T> out{block_.out, block_.geometry.out_stride, group_, width_};
    for (std::int64_t query = 0; query < block_.queries; ++query) {
      for (std::int64_t head = 0; head < group_; ++head) {
        const std::int64_t r = query * group_ + head;
        put_row(out.row(query, head), out_ + r * columns_, 1.0F / total_[r], width_);
        if (block_.logsumexp == nullptr) continue;
        block_.logsumexp[head * block_.logsumexp_stride + query] =
            largest_[r] * kLn2 + __builtin_logf(total_[r]);
      }
    }
  }

  const AttentionForwardBlock<T>& block_;
  std::int64_t group_;
  std::int64_t width_;
  std::int64_t columns_;
  std::int64_t words_;
  std::int64_t rows_;
  Word* q_;         // [rows, words]
  Word* keys_;      // [words, kKeyTile], words along the head width
  Word* values_;    // [kKeyTile, columns], words down the keys
  Word* weights_;   // [kTileRows, kKeyTile], words along the keys
  float* scores_;   // [kTileRows, kKeyTile]
  float* out_;      // [rows, columns]
  float* largest_;  // [rows]
  float* total_;    // [rows]
};

}  // namespace

template <Isa isa, class T>
void attention_forward(const AttentionForwardBlock<T>& block, float* scratch) noexcept {
#if defined(__AVX512BF16__)
  ForwardBlock<Pairs, T>(block, scratch).run();
#else
  ForwardBlock<Singles, T>(block, scratch).run();
#endif
}

}  // namespace outcrop::kernels::cpu
