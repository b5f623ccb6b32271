#pragma once
// Bringing rows of q, k, v and dout into words, and results out of scratch.

#include "kernels/cpu/attention_block.h"
#include "kernels/cpu/attention_words.inl.h"

namespace outcrop::kernels::cpu {
namespace {

/// The block's query rows (of q, out or dout): row r is query r / group, head r % group. The heads of a
/// group lie next to each other.
template <class T>
struct QueryRows {
  T* first;
  std::int64_t stride;
  std::int64_t group;
  std::int64_t width;
  T* row(std::int64_t query, std::int64_t head) const { return first + query * stride + head * width; }
};

/// to[r, w]: words along each row; `words` of them.
template <class Form, class T>
void pack_along(typename Form::Word* to, const QueryRows<const T>& from, std::int64_t queries) {
  const std::int64_t words = words_for<Form>(from.width);
  for (std::int64_t query = 0; query < queries; ++query) {
    for (std::int64_t head = 0; head < from.group; ++head) {
      const T* row = from.row(query, head);
      for (std::int64_t w = 0; w < words; ++w) to[w] = Form::word_along(row, w, from.width);
      to += words;
    }
  }
}

/// to[w, key] = word w of row `key`, for kKeyTile keys: those behind `keys` are zero.
template <class Form, class T>
void pack_across(typename Form::Word* to, const T* from, std::int64_t stride, std::int64_t keys,
                 std::int64_t width) {
  const std::int64_t words = words_for<Form>(width);
  for (std::int64_t key = 0; key < keys; ++key) {
    for (std::int64_t w = 0; w < words; ++w) {
      to[w * kKeyTile + key] = Form::word_along(from + key * stride, w, width);
    }
  }
  const std::int64_t end = padded_columns(keys);
  for (std::int64_t w = 0; w < words; ++w) {
    for (std::int64_t key = keys; key < end; ++key) to[w * kKeyTile + key] = 0;
  }
}

/// Rows 2 pair and 2 pair + 1 as words down the rows, columns padded with zeros. `odd` may be null: zeros.
template <class Form, class T>
OUTCROP_INLINE void pack_two_down(typename Form::Word* to, std::int64_t columns, std::int64_t pair,
                                  const T* even, const T* odd, std::int64_t width) {
  for_lanes(width, [&](std::int64_t i, int lanes) {
    Form::put_down(to, columns, pair, i, load(even + i, lanes), odd == nullptr ? F32{} : load(odd + i, lanes));
  });
  const std::int64_t done = (width + kLanes - 1) / kLanes * kLanes;
  for (std::int64_t i = done; i < columns; i += kLanes) Form::put_down(to, columns, pair, i, F32{}, F32{});
}

/// to: words down the keys, [keys, columns]; an odd last row is paired with zeros.
template <class Form, class T>
void pack_keys_down(typename Form::Word* to, const T* from, std::int64_t stride, std::int64_t keys,
                    std::int64_t width) {
  const std::int64_t columns = padded_columns(width);
  for (std::int64_t key = 0; key < keys; key += 2) {
    const T* odd = key + 1 < keys ? from + (key + 1) * stride : nullptr;
    pack_two_down<Form>(to, columns, key / 2, from + key * stride, odd, width);
  }
}

template <class Form, class T>
void pack_queries_down(typename Form::Word* to, const QueryRows<const T>& from, std::int64_t queries) {
  const std::int64_t columns = padded_columns(from.width);
  const std::int64_t rows = queries * from.group;
  const auto at = [&](std::int64_t r) { return from.row(r / from.group, r % from.group); };
  for (std::int64_t r = 0; r < rows; r += 2) {
    pack_two_down<Form>(to, columns, r / 2, at(r), r + 1 < rows ? at(r + 1) : nullptr, from.width);
  }
}

/// to[0 … width - 1] = factor * from[0 … width - 1], rounded to T.
template <class T>
OUTCROP_INLINE void put_row(T* to, const float* from, float factor, std::int64_t width) {
  for_lanes(width, [&](std::int64_t i, int lanes) { store(to + i, load(from + i) * factor, lanes); });
}

OUTCROP_INLINE void clear(float* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i += kLanes) store(to + i, F32{});
}

/// Hands out pieces of the scratch, each at a 64-byte boundary.
struct Scratch {
  float* next;
  template <class Word>
  Word* take(std::int64_t count) {
    Word* piece = reinterpret_cast<Word*>(next);
    next += padded_columns(count);
    return piece;
  }
};

/// The part of a key tile that a strip of rows sees, as columns of the tile.
struct Span {
  std::int64_t begin;  ///< a multiple of kColumnQuantum
  std::int64_t end;    ///< exact
  bool empty() const { return end <= begin; }
  std::int64_t padded() const { return padded_columns(end) - begin; }
};

/// Keys that the query at `position` sees, as columns of the tile that starts at `tile`, unclipped.
OUTCROP_INLINE Span visible(std::int64_t position, std::int64_t window, std::int64_t tile) {
  return {window > 0 ? position - window + 1 - tile : -tile, position + 1 - tile};
}

/// What queries first … last see together, clipped to the tile's `keys` and rounded for vectors.
OUTCROP_INLINE Span visible_to_strip(std::int64_t first, std::int64_t last, std::int64_t window,
                                     std::int64_t tile, std::int64_t keys) {
  const std::int64_t begin = visible(first, window, tile).begin;
  const std::int64_t end = visible(last, window, tile).end;
  return {begin > 0 ? begin / kColumnQuantum * kColumnQuantum : 0, end < keys ? end : keys};
}

}  // namespace
}  // namespace outcrop::kernels::cpu
