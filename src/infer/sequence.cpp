#include "infer/sequence.h"

#include <algorithm>

namespace outcrop::infer {

Sequence::Sequence(std::size_t index, std::span<const TokenId> prompt, const GenerationOptions& options,
                   const model::TextSide& text, std::unique_ptr<model::KvCache> cache)
    : index_(index),
      max_tokens_(options.max_tokens),
      keeps_logprobs_(options.logprobs),
      text_(&text),
      tokens_(prompt.begin(), prompt.end()),
      cache_(std::move(cache)),
      sampler_(options.sampling, index, options.logprobs ? Logprobs::yes : Logprobs::no),
      decoder_(text.tokenizer),
      filter_(options.stop),
      started_(std::chrono::steady_clock::now()) {
  result_.prompt_tokens = static_cast<std::int64_t>(prompt.size());
}

model::DecoderInput Sequence::input(std::int64_t count) const {
  return {cache_.get(), std::span<const TokenId>(tokens_).subspan(static_cast<std::size_t>(cache_->length()),
                                                                  static_cast<std::size_t>(count))};
}

double Sequence::seconds_since_start() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
}

std::optional<StopReason> Sequence::limit_reached(std::int64_t context_length) const {
  if (static_cast<std::int64_t>(result_.tokens.size()) >= max_tokens_) return StopReason::max_tokens;
  if (static_cast<std::int64_t>(tokens_.size()) >= context_length) return StopReason::context_limit;
  return std::nullopt;
}

std::string Sequence::accept(SampledToken token, std::int64_t context_length) {
  if (result_.tokens.empty()) result_.seconds_to_first_token = seconds_since_start();
  const auto& stop_ids = text_->stop_ids;
  if (std::find(stop_ids.begin(), stop_ids.end(), token.id) != stop_ids.end()) return end(StopReason::end_turn);

  tokens_.push_back(token.id);
  result_.tokens.push_back(token.id);
  if (keeps_logprobs_) result_.logprobs.push_back(token.logprob);
  std::string certain = filter_.push(decoder_.push(token.id));
  result_.text += certain;
  if (filter_.stopped()) return certain + end(StopReason::stop_sequence);
  if (const auto limit = limit_reached(context_length)) return certain + end(*limit);
  return certain;
}

std::string Sequence::end(StopReason reason) {
  finished_ = true;
  result_.reason = reason;
  std::string rest = filter_.push(decoder_.finish());
  rest += filter_.finish();
  result_.text += rest;
  result_.seconds = seconds_since_start();
  return rest;
}

}  // namespace outcrop::infer
