#include "train/batches.h"

#include "base/check.h"
#include "base/random.h"

#include <algorithm>

namespace outcrop::train {
namespace {

// Streams of one seed: orders use stream kOrderStream + epoch, dropout kDropoutStream + step. The adapter's
// initial values use low streams elsewhere.
constexpr std::uint64_t kOrderStream = std::uint64_t{1} << 40;
constexpr std::uint64_t kDropoutStream = std::uint64_t{2} << 40;

}  // namespace

data::Rows pack_examples(const data::EncodedExamples& examples, std::span<const std::int64_t> chosen,
                         std::int64_t row_tokens) {
  std::vector<std::int64_t> lengths;
  lengths.reserve(chosen.size());
  for (const std::int64_t example : chosen) lengths.push_back(examples.tokens_of(example));
  data::Rows rows = data::pack_best_fit(lengths, row_tokens);
  for (auto& row : rows) {
    for (std::int64_t& index : row) index = chosen[static_cast<std::size_t>(index)];
  }
  return rows;
}

Batches::Batches(const data::EncodedExamples& examples, std::int64_t batch_examples, std::int64_t row_tokens,
                 std::uint64_t seed)
    : examples_(examples),
      batch_examples_(batch_examples),
      row_tokens_(row_tokens),
      seed_(seed),
      per_epoch_((examples.count() + batch_examples - 1) / batch_examples) {
  CHECK(batch_examples > 0 && examples.count() > 0, "a batch needs examples");
}

Batch Batches::at(std::int64_t step) {
  const std::int64_t epoch = step / per_epoch_;
  if (epoch != epoch_) {
    Random random(seed_, kOrderStream + static_cast<std::uint64_t>(epoch));
    order_ = permutation(static_cast<std::uint64_t>(examples_.count()), random);
    epoch_ = epoch;
  }
  const std::int64_t begin = step % per_epoch_ * batch_examples_;
  const std::int64_t end = std::min(begin + batch_examples_, examples_.count());
  Batch batch;
  std::vector<std::int64_t> chosen;
  for (std::int64_t i = begin; i < end; ++i) {
    chosen.push_back(static_cast<std::int64_t>(order_[static_cast<std::size_t>(i)]));
    batch.tokens += examples_.tokens_of(chosen.back());
    batch.targets += examples_.targets_of(chosen.back());
  }
  batch.rows = pack_examples(examples_, chosen, row_tokens_);
  return batch;
}

std::uint64_t dropout_seed(std::uint64_t seed, std::int64_t step, std::int64_t row) noexcept {
  const auto words =
      philox(seed, kDropoutStream + static_cast<std::uint64_t>(step), static_cast<std::uint64_t>(row));
  return static_cast<std::uint64_t>(words[0]) << 32 | words[1];
}

}  // namespace outcrop::train
