#pragma once
// llama.cpp stores query and key rows of llama models for interleaved rotary embedding: dimensions 2i and
// 2i+1 of a head turn together, where Hugging Face turns i and i + K/2. Callers: GGUF import and export.

#include <cstdint>

namespace outcrop::model {

/// Where row `row` of the Hugging Face order lies in GGUF's; rows of `head_width` make a head.
constexpr std::int64_t gguf_row(std::int64_t row, std::int64_t head_width) noexcept {
  const std::int64_t within = row % head_width;
  const std::int64_t half = head_width / 2;
  return row - within + 2 * (within % half) + within / half;
}

/// The inverse.
constexpr std::int64_t huggingface_row(std::int64_t row, std::int64_t head_width) noexcept {
  const std::int64_t within = row % head_width;
  return row - within + (within % 2) * (head_width / 2) + within / 2;
}

}  // namespace outcrop::model
