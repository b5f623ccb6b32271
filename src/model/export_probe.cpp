#include "model/export_probe.h"

#include "model/decoder.h"
#include "tokenizer/conversation.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace outcrop::model {
namespace {

constexpr std::array<const char*, 4> kPrompts{
    "What is the capital of France, and what is it known for?", "Write a haiku about rain on a tin roof.",
    "def fibonacci(n):\n    \"\"\"The n-th Fibonacci number.\"\"\"\n",
    "Extract the date: the meeting moved from 3 May to 17 June 2024."};
/// Bounds the logits' memory: tokens times the vocabulary.
constexpr std::size_t kMaxTokens = 64;

Result<std::vector<TokenId>> encode_prompt(const TextSide& text, const char* prompt) {
  std::vector<TokenId> ids;
  if (text.chat_template) {
    auto encoded = encode_conversation(text.tokenizer, *text.chat_template, {{Role::user, prompt}},
                                       Ending::generation_prompt);
    // A template with rules of its own (a required system message) is no reason to refuse the export.
    if (encoded) ids = std::move(encoded->ids);
  }
  if (ids.empty()) {
    ids = text.tokenizer.prefix_ids();
    OUTCROP_TRY(const std::vector<TokenId> plain, text.tokenizer.encode(prompt, Tokenizer::Specials::plain));
    ids.insert(ids.end(), plain.begin(), plain.end());
  }
  if (ids.size() > kMaxTokens) ids.resize(kMaxTokens);
  return ids;
}

std::vector<float> logits_of(Decoder& decoder, const std::vector<TokenId>& ids, std::int64_t vocabulary) {
  const auto tokens = static_cast<std::int64_t>(ids.size());
  std::vector<float> logits(ids.size() * static_cast<std::size_t>(vocabulary));
  const auto cache = decoder.new_cache(tokens);
  const DecoderInput input{cache.get(), ids};
  decoder.forward_all({&input, 1}, Matrix<float>(logits.data(), tokens, vocabulary));
  return logits;
}

double log_sum_exp(std::span<const float> row) {
  const float largest = *std::max_element(row.begin(), row.end());
  double sum = 0.0;
  for (const float value : row) sum += std::exp(static_cast<double>(value - largest));
  return static_cast<double>(largest) + std::log(sum);
}

double divergence(std::span<const float> p, std::span<const float> q) {
  const double p_total = log_sum_exp(p);
  const double q_total = log_sum_exp(q);
  double kl = 0.0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double log_p = static_cast<double>(p[i]) - p_total;
    kl += std::exp(log_p) * (log_p - (static_cast<double>(q[i]) - q_total));
  }
  return std::max(kl, 0.0);
}

}  // namespace

Result<ProbeResult> compare_outputs(const LoadedModel& loaded, const std::shared_ptr<const Model>& merged) {
  const std::int64_t vocabulary = loaded.model->config().vocab_size;
  const auto row_size = static_cast<std::size_t>(vocabulary);
  const auto unmerged_decoder = make_decoder(loaded.model, loaded.adapter);
  const auto merged_decoder = make_decoder(merged, nullptr);
  ProbeResult result;
  std::size_t tokens = 0;
  for (const char* prompt : kPrompts) {
    OUTCROP_TRY(const std::vector<TokenId> ids, encode_prompt(*loaded.model->text(), prompt));
    if (ids.empty()) continue;
    const std::vector<float> p = logits_of(*unmerged_decoder, ids, vocabulary);
    const std::vector<float> q = logits_of(*merged_decoder, ids, vocabulary);
    for (std::size_t i = 0; i < p.size(); ++i) {
      result.max_logit_delta = std::max(result.max_logit_delta, std::abs(static_cast<double>(p[i] - q[i])));
    }
    for (std::size_t row = 0; row < ids.size(); ++row) {
      result.mean_kl += divergence(std::span(p).subspan(row * row_size, row_size),
                                   std::span(q).subspan(row * row_size, row_size));
    }
    tokens += ids.size();
  }
  if (tokens > 0) result.mean_kl /= static_cast<double>(tokens);
  return result;
}

}  // namespace outcrop::model
