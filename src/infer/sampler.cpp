#include "infer/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

namespace outcrop::infer {
namespace {

constexpr float kImpossible = -std::numeric_limits<float>::infinity();

/// Replaces what is no number, so that every later step may compare and subtract freely. Returns the largest
/// logit's index, the first of equals; -1 when all are impossible.
std::int32_t clean_and_find_largest(std::span<float> logits) noexcept {
  std::int32_t best = -1;
  float largest = kImpossible;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    float& logit = logits[i];
    if (std::isnan(logit)) logit = kImpossible;
    if (logit > std::numeric_limits<float>::max()) logit = std::numeric_limits<float>::max();
    if (logit > largest) {
      largest = logit;
      best = static_cast<std::int32_t>(i);
    }
  }
  return best;
}

std::int32_t largest_of(std::span<const float> logits) noexcept {
  return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

/// Σ exp(logit - largest). Terms below e^-40 cannot change a float's last digit, even 262k of them.
double sum_of_exponentials(std::span<const float> logits, float largest) noexcept {
  double sum = 0.0;
  for (const float logit : logits) {
    const float x = logit - largest;
    if (x > -40.0F) sum += static_cast<double>(std::exp(x));
  }
  return sum;
}

template <class Before>
void keep_largest(std::vector<std::int32_t>& ids, std::int32_t count, const Before& before) {
  // The heap of a partial sort turns most ids away at its top; for large counts it would be deep.
  if (count <= 1024) {
    std::partial_sort(ids.begin(), ids.begin() + count, ids.end(), before);
  } else {
    std::nth_element(ids.begin(), ids.begin() + (count - 1), ids.end(), before);
  }
  ids.resize(static_cast<std::size_t>(count));
}

/// Sorts from the front, in growing pieces, and cuts after the first id for which `enough` is true.
template <class Before, class Enough>
void keep_largest_until(std::vector<std::int32_t>& ids, const Before& before, Enough enough) {
  std::size_t sorted = 0;
  while (sorted < ids.size()) {
    const std::size_t end = std::min(ids.size(), std::max<std::size_t>(256, sorted * 4));
    const auto first = ids.begin() + static_cast<std::ptrdiff_t>(sorted);
    const auto last = ids.begin() + static_cast<std::ptrdiff_t>(end);
    if (last != ids.end()) std::nth_element(first, last, ids.end(), before);
    std::sort(first, last, before);
    for (; sorted < end; ++sorted) {
      if (enough(ids[sorted])) return ids.resize(sorted + 1);
    }
  }
}

Status out_of_range(const char* field, const char* range, double value) {
  return fail(Code::invalid_argument, fmt::format("{} must be {}, got {:g}", field, range, value));
}

}  // namespace

Status check_sampling(const SamplingOptions& options) {
  // Written so that NaN fails each test.
  if (!(options.temperature >= 0.0F && options.temperature <= 100.0F)) {
    return out_of_range("temperature", "from 0 to 100", static_cast<double>(options.temperature));
  }
  if (!(options.top_p > 0.0F && options.top_p <= 1.0F)) {
    return out_of_range("top_p", "above 0 and at most 1", static_cast<double>(options.top_p));
  }
  if (options.top_k < 0) return out_of_range("top_k", "0 (off) or more", options.top_k);
  if (!(options.min_p >= 0.0F && options.min_p <= 1.0F)) {
    return out_of_range("min_p", "from 0 to 1", static_cast<double>(options.min_p));
  }
  if (!(options.repetition_penalty > 0.0F && options.repetition_penalty <= 100.0F)) {
    return out_of_range("repetition_penalty", "above 0 and at most 100",
                        static_cast<double>(options.repetition_penalty));
  }
  return {};
}

void Sampler::penalise(std::span<float> logits, std::span<const TokenId> history) {
  seen_.resize(logits.size(), false);
  const auto in_vocabulary = [&](TokenId id) {
    return id >= 0 && static_cast<std::size_t>(id) < logits.size();
  };
  for (const TokenId id : history) {
    if (!in_vocabulary(id) || seen_[static_cast<std::size_t>(id)]) continue;
    seen_[static_cast<std::size_t>(id)] = true;
    float& logit = logits[static_cast<std::size_t>(id)];
    if (logit == kImpossible) continue;
    logit = logit > 0.0F ? logit / options_.repetition_penalty : logit * options_.repetition_penalty;
    logit = std::clamp(logit, std::numeric_limits<float>::lowest(), std::numeric_limits<float>::max());
  }
  for (const TokenId id : history) {
    if (in_vocabulary(id)) seen_[static_cast<std::size_t>(id)] = false;
  }
}

SampledToken Sampler::sample(std::span<float> logits, std::span<const TokenId> history) {
  constexpr float kNotAsked = std::numeric_limits<float>::quiet_NaN();
  const std::int32_t likeliest = clean_and_find_largest(logits);
  if (likeliest < 0) return {-1, kNotAsked};
  const float largest = logits[static_cast<std::size_t>(likeliest)];
  const bool penalises = options_.repetition_penalty != 1.0F;

  if (logprobs_ == Logprobs::no) {
    if (penalises) penalise(logits, history);
    if (options_.temperature == 0.0F) return {penalises ? largest_of(logits) : likeliest, kNotAsked};
    return {draw(logits, penalises ? logits[static_cast<std::size_t>(largest_of(logits))] : largest),
            kNotAsked};
  }

  const double log_sum = static_cast<double>(largest) + std::log(sum_of_exponentials(logits, largest));
  // draw() overwrites the logits, and so does a penalty: keep what the chosen token's was.
  const std::vector<float> own = penalises || options_.temperature != 0.0F
                                     ? std::vector<float>(logits.begin(), logits.end())
                                     : std::vector<float>();
  if (penalises) penalise(logits, history);
  TokenId id = likeliest;
  if (options_.temperature == 0.0F) {
    if (penalises) id = largest_of(logits);
  } else {
    id = draw(logits, penalises ? logits[static_cast<std::size_t>(largest_of(logits))] : largest);
  }
  const float logit = own.empty() ? largest : own[static_cast<std::size_t>(id)];
  return {id, static_cast<float>(static_cast<double>(logit) - log_sum)};
}

// `best` is the largest logit. Leaves in `logits` the unnormalised probabilities exp((logit - best) /
// temperature).
TokenId Sampler::draw(std::span<float> logits, float best) {
  const auto before = [&](std::int32_t a, std::int32_t b) {
    const float pa = logits[static_cast<std::size_t>(a)];
    const float pb = logits[static_cast<std::size_t>(b)];
    return pa != pb ? pa > pb : a < b;
  };
  const auto weight = [&](std::int32_t id) {
    return static_cast<double>(logits[static_cast<std::size_t>(id)]);
  };
  const auto vocabulary = static_cast<std::int32_t>(logits.size());

  // Top-k first, on logits, so that exponentials are taken of k tokens only.
  order_.resize(logits.size());
  std::iota(order_.begin(), order_.end(), 0);
  if (options_.top_k > 0 && options_.top_k < vocabulary) {
    keep_largest(order_, options_.top_k, before);
  }
  double total = 0.0;
  for (const std::int32_t id : order_) {
    float& logit = logits[static_cast<std::size_t>(id)];
    const float x = (logit - best) / options_.temperature;
    logit = x > -80.0F ? std::exp(x) : 0.0F;
    total += static_cast<double>(logit);
  }

  if (options_.top_p < 1.0F) {
    // Tokens below (1 - p) / n of the mass sum to less than 1 - p: the nucleus lies among the others.
    const double wanted = static_cast<double>(options_.top_p) * total;
    const double floor = (total - wanted) / static_cast<double>(order_.size());
    std::erase_if(order_, [&](std::int32_t id) { return weight(id) < floor; });
    keep_largest_until(order_, before, [&, mass = 0.0](std::int32_t id) mutable {
      mass += weight(id);
      return mass >= wanted;
    });
  }
  // The likeliest token's weight is exactly 1, up to the penalty's rounding.
  if (options_.min_p > 0.0F) {
    std::erase_if(order_, [&](std::int32_t id) { return weight(id) < static_cast<double>(options_.min_p); });
  }

  total = 0.0;
  for (const std::int32_t id : order_) total += weight(id);
  double left = random_.uniform_double() * total;
  TokenId last = -1;
  for (const std::int32_t id : order_) {
    if (weight(id) <= 0.0) continue;
    last = id;
    left -= weight(id);
    if (left < 0.0) break;
  }
  return last;
}

}  // namespace outcrop::infer
