#include "model/rope_table.h"

#include "base/check.h"
#include "base/thread_pool.h"

#include <cmath>
#include <numbers>

namespace outcrop::model {
namespace {

constexpr std::int64_t kPositionsPerTask = 64;

/// Llama 3.1: long wavelengths are stretched by the factor, short ones kept, those between blended.
double llama3_frequency(const RopeConfig& rope, double frequency) {
  const double wavelength = 2.0 * std::numbers::pi / frequency;
  const double context = static_cast<double>(rope.original_context);
  if (wavelength < context / rope.high_frequency_factor) return frequency;
  if (wavelength > context / rope.low_frequency_factor) return frequency / rope.factor;
  const double keep = (context / wavelength - rope.low_frequency_factor) /
                      (rope.high_frequency_factor - rope.low_frequency_factor);
  return (1.0 - keep) * frequency / rope.factor + keep * frequency;
}

double base_frequency(const RopeConfig& rope, std::int64_t pair, std::int64_t head_width) {
  return std::pow(rope.theta, -2.0 * static_cast<double>(pair) / static_cast<double>(head_width));
}

double scaled(const RopeConfig& rope, double frequency) {
  switch (rope.scaling) {
    case RopeConfig::Scaling::none:
      return frequency;
    case RopeConfig::Scaling::linear:
      return frequency / rope.factor;
    case RopeConfig::Scaling::llama3:
      return llama3_frequency(rope, frequency);
  }
  return frequency;
}

}  // namespace

std::vector<double> rope_frequencies(const RopeConfig& rope, std::int64_t head_width) {
  CHECK(head_width > 0 && head_width % 2 == 0, "rotary embedding needs an even head width");
  std::vector<double> frequencies(static_cast<std::size_t>(head_width / 2));
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    frequencies[i] = scaled(rope, base_frequency(rope, static_cast<std::int64_t>(i), head_width));
  }
  return frequencies;
}

RopeTables make_rope_tables(const RopeConfig& rope, std::int64_t head_width, std::int64_t positions) {
  const std::vector<double> frequencies = rope_frequencies(rope, head_width);
  RopeTables tables;
  tables.positions = positions;
  tables.half = head_width / 2;
  const std::size_t half = frequencies.size();
  tables.cos.resize(static_cast<std::size_t>(positions) * half);
  tables.sin.resize(static_cast<std::size_t>(positions) * half);
  parallel_for(positions, kPositionsPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t position = begin; position < end; ++position) {
      const std::size_t row = static_cast<std::size_t>(position) * half;
      for (std::size_t i = 0; i < half; ++i) {
        const double angle = static_cast<double>(position) * frequencies[i];
        tables.cos[row + i] = static_cast<float>(std::cos(angle));
        tables.sin[row + i] = static_cast<float>(std::sin(angle));
      }
    }
  });
  return tables;
}

std::vector<float> llama3_factors(const RopeConfig& rope, std::int64_t head_width) {
  const std::vector<double> frequencies = rope_frequencies(rope, head_width);
  std::vector<float> factors(frequencies.size());
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const double base = base_frequency(rope, static_cast<std::int64_t>(i), head_width);
    factors[i] = static_cast<float>(base / frequencies[i]);
  }
  return factors;
}

}  // namespace outcrop::model
