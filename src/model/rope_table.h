#pragma once
// Cosines and sines of the rotary embedding for every position a run will need. Callers: the decoder and
// the trainer.

#include "model/config.h"

#include <cstdint>
#include <vector>

namespace outcrop::model {

/// Angles of all positions of one RopeConfig. Both tables: [positions, K/2], row-major.
struct RopeTables {
  std::vector<float> cos;
  std::vector<float> sin;
  std::int64_t positions = 0;
  std::int64_t half = 0;  ///< K/2
};

/// Radians a position turns each pair of dimensions by: [K/2], scaling applied.
std::vector<double> rope_frequencies(const RopeConfig& rope, std::int64_t head_width);

/// Positions 0 … positions-1. Computed in double and rounded once.
RopeTables make_rope_tables(const RopeConfig& rope, std::int64_t head_width, std::int64_t positions);

/// What llama3 scaling divides each frequency by: [K/2], the content of GGUF's rope_freqs.weight.
std::vector<float> llama3_factors(const RopeConfig& rope, std::int64_t head_width);

}  // namespace outcrop::model
