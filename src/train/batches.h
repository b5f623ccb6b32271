#pragma once
// Which records make which step, as a pure function of (seed, step): nothing to save, nothing to replay. A
// step's records are packed into rows, the micro-batches of the step.

#include "data/packing.h"

#include <cstdint>
#include <span>
#include <vector>

namespace outcrop::train {

/// Packs the named examples into rows of at most row_tokens. Each row lists example indices.
data::Rows pack_examples(const data::EncodedExamples& examples, std::span<const std::int64_t> chosen,
                         std::int64_t row_tokens);

/// One optimizer step's work.
struct Batch {
  data::Rows rows;
  std::int64_t tokens = 0;
  std::int64_t targets = 0;
};

/// Walks the epochs: every epoch is its own permutation of all examples. Not thread-safe (keeps the current
/// epoch's order). `examples` must outlive it.
class Batches {
 public:
  Batches(const data::EncodedExamples& examples, std::int64_t batch_examples, std::int64_t row_tokens,
          std::uint64_t seed);
  /// The batch of `step`, counted from 0.
  Batch at(std::int64_t step);

 private:
  const data::EncodedExamples& examples_;
  std::int64_t batch_examples_;
  std::int64_t row_tokens_;
  std::uint64_t seed_;
  std::int64_t per_epoch_;
  std::int64_t epoch_ = -1;
  std::vector<std::uint64_t> order_;  ///< of epoch_
};

/// The dropout masks of one micro-batch: distinct for every (step, row), the same on every run of `seed`.
std::uint64_t dropout_seed(std::uint64_t seed, std::int64_t step, std::int64_t row) noexcept;

}  // namespace outcrop::train
