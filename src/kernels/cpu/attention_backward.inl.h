#pragma once
// Attention backward: Dao 2022, "FlashAttention", algorithm 4. With P = exp(scale q kᵀ - logsumexp),
//   D = rowsum(dO * O)      dV = Pᵀ dO      dP = dO Vᵀ      dS = P * (dP - D)
//   dQ = scale dS K         dK = scale dSᵀ Q
// One call does a whole segment for one key head: rows in blocks outside, key tiles inside, so that dk and
// dv are summed in a fixed order over queries and over the heads of the group.

#include "kernels/cpu/attention_forward.inl.h"

namespace outcrop::kernels::cpu {
namespace {

template <class Form, class T>
class BackwardBlock {
 public:
  using Word = typename Form::Word;

  BackwardBlock(const AttentionBackwardBlock<T>& block, float* memory)
      : block_(block),
        group_(block.geometry.group),
        width_(block.geometry.head_width),
        columns_(padded_columns(width_)),
        words_(words_for<Form>(width_)) {
    const std::int64_t rows = queries_per_block(group_) * group_ + 1;  // + 1: an odd last row has a partner
    const std::int64_t tiles = (block.tokens + kKeyTile - 1) / kKeyTile;
    Scratch scratch{memory};
    keys_across_ = scratch.take<Word>(tiles * words_ * kKeyTile);
    values_across_ = scratch.take<Word>(tiles * words_ * kKeyTile);
    keys_down_ = scratch.take<Word>(tiles * kKeyTile * columns_);
    dk_ = scratch.take<float>(block.tokens * columns_);
    dv_ = scratch.take<float>(block.tokens * columns_);
    q_along_ = scratch.take<Word>(rows * words_);
    dout_along_ = scratch.take<Word>(rows * words_);
    q_down_ = scratch.take<Word>(rows * columns_);
    dout_down_ = scratch.take<Word>(rows * columns_);
    dq_ = scratch.take<float>(rows * columns_);
    weights_down_ = scratch.take<Word>(rows * kKeyTile);
    dscores_down_ = scratch.take<Word>(rows * kKeyTile);
    dscores_along_ = scratch.take<Word>(kTileRows * kKeyTile);
    scores_ = scratch.take<float>(kTileRows * kKeyTile);
    dweights_ = scratch.take<float>(kTileRows * kKeyTile);
    logsumexp_ = scratch.take<float>(rows);
    correction_ = scratch.take<float>(rows);
  }

  void run() {
    const AttentionGeometry& g = block_.geometry;
    for (std::int64_t tile = 0; tile < block_.tokens; tile += kKeyTile) {
      const T* k = block_.k + tile * g.k_stride;
      const std::int64_t keys = keys_at(tile);
      pack_across<Form>(keys_across_ + tile * words_, k, g.k_stride, keys, width_);
      pack_across<Form>(values_across_ + tile * words_, block_.v + tile * g.v_stride, g.v_stride, keys, width_);
      pack_keys_down<Form>(keys_down_ + tile / Form::kElements * columns_, k, g.k_stride, keys, width_);
    }
    clear(dk_, block_.tokens * columns_);
    clear(dv_, block_.tokens * columns_);
    const std::int64_t step = queries_per_block(group_);
    for (std::int64_t query = 0; query < block_.tokens; query += step) {
      query_block(query, block_.tokens - query < step ? block_.tokens - query : step);
    }
    for (std::int64_t key = 0; key < block_.tokens; ++key) {
      put_row(block_.dk + key * g.k_stride, dk_ + key * columns_, g.scale, width_);
      put_row(block_.dv + key * g.v_stride, dv_ + key * columns_, 1.0F, width_);
    }
  }

 private:
  std::int64_t keys_at(std::int64_t tile) const {
    return block_.tokens - tile < kKeyTile ? block_.tokens - tile : kKeyTile;
  }

  void query_block(std::int64_t query, std::int64_t queries) {
    query_ = query;
    rows_ = queries * group_;
    const AttentionGeometry& g = block_.geometry;
    const QueryRows<const T> q{block_.q + query * g.q_stride, g.q_stride, group_, width_};
    const QueryRows<const T> dout{block_.dout + query * g.out_stride, g.out_stride, group_, width_};
    pack_along<Form, T>(q_along_, q, queries);
    pack_along<Form, T>(dout_along_, dout, queries);
    pack_queries_down<Form, T>(q_down_, q, queries);
    pack_queries_down<Form, T>(dout_down_, dout, queries);
    clear(dq_, rows_ * columns_);
    read_statistics(dout, queries);
    const std::int64_t first = g.window > 0 && query >= g.window ? query - g.window + 1 : 0;
    for (std::int64_t tile = first / kKeyTile * kKeyTile; tile < query + queries; tile += kKeyTile) {
      for (std::int64_t row = 0; row < rows_; row += kTileRows) strip(tile, row);
      for (std::int64_t key = 0; key < keys_at(tile); key += kTileRows) key_strip(tile, key);
    }
    const QueryRows<T> dq{block_.dq + query * g.q_stride, g.q_stride, group_, width_};
    for (std::int64_t r = 0; r < rows_; ++r) {
      put_row(dq.row(r / group_, r % group_), dq_ + r * columns_, g.scale, width_);
    }
  }

  /// logsumexp in base 2, and D.
  void read_statistics(const QueryRows<const T>& dout, std::int64_t queries) {
    const std::int64_t stride = block_.geometry.out_stride;
    const QueryRows<const T> out{block_.out + query_ * stride, stride, group_, width_};
    for (std::int64_t query = 0; query < queries; ++query) {
      for (std::int64_t head = 0; head < group_; ++head) {
        const std::int64_t r = query * group_ + head;
        logsumexp_[r] = block_.logsumexp[head * block_.logsumexp_stride + query_ + query] * kLog2E;
        F32 total{};
        for_lanes(width_, [&](std::int64_t i, int lanes) {
          total = fma(load(out.row(query, head) + i, lanes), load(dout.row(query, head) + i, lanes), total);
        });
        correction_[r] = sum(total);
      }
    }
  }

  /// P, dS and this tile's part of dQ, for kTileRows rows.
  void strip(std::int64_t tile, std::int64_t row) {
    const std::int64_t rows = rows_ - row < kTileRows ? rows_ - row : kTileRows;
    const Span span = visible_to_strip(query_ + row / group_, query_ + (row + rows - 1) / group_,
                                       block_.geometry.window, tile, keys_at(tile));
    if (span.empty()) return;
    multiply(Product<Form>{scores_, kKeyTile, q_along_ + row * words_, words_, 1,
                           keys_across_ + tile * words_ + span.begin, kKeyTile, rows, span.padded(), words_,
                           false});
    multiply(Product<Form>{dweights_, kKeyTile, dout_along_ + row * words_, words_, 1,
                           values_across_ + tile * words_ + span.begin, kKeyTile, rows, span.padded(), words_,
                           false});
    for (std::int64_t r = 0; r < rows; r += 2) two_rows(tile, row, r, r + 1 < rows, span);
    const std::int64_t first_key = (tile + span.begin) / Form::kElements;
    multiply(Product<Form>{dq_ + row * columns_, columns_, dscores_along_, kKeyTile / Form::kElements, 1,
                           keys_down_ + first_key * columns_, columns_, rows, columns_,
                           words_for<Form>(span.end - span.begin), true});
  }

  struct Gradient {
    F32 weight;
    F32 dscore;
  };

  /// P and dS of row `row + r` of the block at column i of the span.
  OUTCROP_INLINE Gradient gradient(std::int64_t row, std::int64_t r, std::int64_t i, Span span,
                                   Span seen) const {
    const float factor = block_.geometry.scale * kLog2E;
    F32 weight = exp2<T>(load(scores_ + r * kKeyTile + i) * factor - logsumexp_[row + r]);
    const std::int64_t column = span.begin + i;
    if (seen.begin > column || seen.end < column + kLanes) {
      weight = keep_lanes(weight, seen.begin - column, seen.end - column, 0);
    }
    return {weight, weight * (load(dweights_ + r * kKeyTile + i) - correction_[row + r])};
  }

  OUTCROP_INLINE void two_rows(std::int64_t tile, std::int64_t row, std::int64_t r, bool both, Span span) {
    const std::int64_t window = block_.geometry.window;
    const Span seen0 = visible(query_ + (row + r) / group_, window, tile);
    const Span seen1 = visible(query_ + (row + r + 1) / group_, window, tile);
    const std::int64_t pair = (row + r) / 2;
    Word* along = dscores_along_ + r * (kKeyTile / Form::kElements);
    for (std::int64_t i = 0; i < span.padded(); i += kLanes) {
      const Gradient even = gradient(row, r, i, span, seen0);
      Gradient odd{};
      if (both) odd = gradient(row, r + 1, i, span, seen1);
      Form::put_along(along, i, even.dscore);
      if (both) Form::put_along(along + kKeyTile / Form::kElements, i, odd.dscore);
      Form::put_down(weights_down_, kKeyTile, pair, span.begin + i, even.weight, odd.weight);
      Form::put_down(dscores_down_, kKeyTile, pair, span.begin + i, even.dscore, odd.dscore);
    }
  }

  /// This block's part of dK and dV for kTileRows keys: over the rows that see any of them.
  void key_strip(std::int64_t tile, std::int64_t key) {
    const std::int64_t left = keys_at(tile) - key;
    const std::int64_t keys = left < kTileRows ? left : kTileRows;
    const std::int64_t window = block_.geometry.window;
    std::int64_t begin = (tile + key - query_) * group_;
    begin = begin > 0 ? begin : 0;
    std::int64_t end = window > 0 ? (tile + key + keys - 1 + window - query_) * group_ : rows_;
    end = end < rows_ ? end : rows_;
    if (end <= begin) return;
    // From the row that shares a word with the first: it sees none of the keys, so its P and dS are zeros.
    const std::int64_t from = begin / Form::kElements;
    const std::int64_t depth = words_for<Form>(end) - from;
    const std::int64_t to = (tile + key) * columns_;
    multiply(Product<Form>{dv_ + to, columns_, weights_down_ + from * kKeyTile + key, 1, kKeyTile,
                           dout_down_ + from * columns_, columns_, keys, columns_, depth, true});
    multiply(Product<Form>{dk_ + to, columns_, dscores_down_ + from * kKeyTile + key, 1, kKeyTile,
                           q_down_ + from * columns_, columns_, keys, columns_, depth, true});
  }

  const AttentionBackwardBlock<T>& block_;
  std::int64_t group_;
  std::int64_t width_;
  std::int64_t columns_;
  std::int64_t words_;
  std::int64_t query_ = 0;  // the current block's first query
  std::int64_t rows_ = 0;   // and its rows
  Word* keys_across_;       // [tiles, words, kKeyTile], words along the head width
  Word* values_across_;     // the same
  Word* keys_down_;         // [tokens, columns], words down the keys
  float* dk_;               // [tokens, columns]
  float* dv_;               // [tokens, columns]
  Word* q_along_;           // [rows, words]
  Word* dout_along_;        // [rows, words]
  Word* q_down_;            // [rows, columns], words down the rows
  Word* dout_down_;         // [rows, columns], words down the rows
  float* dq_;               // [rows, columns]
  Word* weights_down_;      // P: [rows, kKeyTile], words down the rows
  Word* dscores_down_;      // dS: [rows, kKeyTile], words down the rows
  Word* dscores_along_;     // dS: [kTileRows, kKeyTile], words along the keys
  float* scores_;           // [kTileRows, kKeyTile]
  float* dweights_;         // dP: [kTileRows, kKeyTile]
  float* logsumexp_;        // [rows], base 2
  float* correction_;       // D: [rows]
};

}  // namespace

template <Isa isa, class T>
void attention_backward(const AttentionBackwardBlock<T>& block, float* scratch) noexcept {
#if defined(__AVX512BF16__)
  BackwardBlock<Pairs, T>(block, scratch).run();
#else
  BackwardBlock<Singles, T>(block, scratch).run();
#endif
}

}  // namespace outcrop::kernels::cpu
