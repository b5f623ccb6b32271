#include "infer/generator.h"

#include "base/check.h"
#include "base/page_buffer.h"
#include "infer/batch_run.h"
#include "infer/cache_pool.h"
#include "infer/stop_filter.h"
#include "tokenizer/conversation.h"

#include <algorithm>

#include <fmt/format.h>

namespace outcrop::infer {
Status check_generation(const GenerationOptions& options) {
  if (options.max_tokens < 1) {
    return fail(Code::invalid_argument,
                fmt::format("max_tokens must be 1 or more, got {}", options.max_tokens));
  }
  OUTCROP_CHECK_OK(check_sampling(options.sampling));
  return check_stop_sequences(options.stop);
}

std::string_view to_string(StopReason reason) noexcept {
  switch (reason) {
    case StopReason::end_turn:
      return "end_turn";
    case StopReason::max_tokens:
      return "max_tokens";
    case StopReason::stop_sequence:
      return "stop_sequence";
    case StopReason::context_limit:
      return "context_limit";
    case StopReason::cancelled:
      return "cancelled";
  }
  return "unknown";
}

struct Generator::State {
  model::ModelInfo info;
  std::shared_ptr<const model::TextSide> text;
  std::unique_ptr<model::Decoder> decoder;
  PageBuffer<float> logits;  ///< [batch, V]
  CachePool caches;

  const model::DecoderConfig& config() const { return decoder->model().config(); }
  Status check_prompt(std::span<const TokenId> prompt) const;
  Status reserve_logits(std::int64_t batch);
};

Status Generator::State::check_prompt(std::span<const TokenId> prompt) const {
  if (prompt.empty()) return fail(Code::invalid_argument, "the prompt has no tokens");
  const auto tokens = static_cast<std::int64_t>(prompt.size());
  if (tokens >= config().context_length) {
    return fail(Code::invalid_argument,
                fmt::format("the prompt has {} tokens; the context of '{}' holds {}, answer included", tokens,
                            info.id, config().context_length));
  }
  for (const TokenId id : prompt) {
    if (id >= 0 && id < config().vocab_size) continue;
    return fail(Code::invalid_argument,
                fmt::format("token id {} is outside the vocabulary of {} tokens", id, config().vocab_size));
  }
  return {};
}

Status Generator::State::reserve_logits(std::int64_t batch) {
  const std::int64_t count = batch * config().vocab_size;
  if (logits.size() >= count) return {};
  OUTCROP_TRY(logits, PageBuffer<float>::allocate(count));
  return {};
}

Generator::Generator(model::LoadedModel loaded) : state_(std::make_unique<State>()) {
  CHECK(loaded.model->text() != nullptr, "a generator needs a model with its tokenizer");
  state_->info = std::move(loaded.info);
  state_->text = std::shared_ptr<const model::TextSide>(loaded.model, loaded.model->text());
  state_->decoder = model::make_decoder(std::move(loaded.model), std::move(loaded.adapter));
}

Generator::Generator(model::ModelInfo info, std::shared_ptr<const model::TextSide> text,
                     std::unique_ptr<model::Decoder> decoder)
    : state_(std::make_unique<State>()) {
  state_->info = std::move(info);
  state_->text = std::move(text);
  state_->decoder = std::move(decoder);
}

Generator::~Generator() = default;

const model::ModelInfo& Generator::info() const noexcept {
  return state_->info;
}

std::int64_t Generator::context_length() const noexcept {
  return state_->config().context_length;
}

Result<std::vector<TokenId>> Generator::render(const std::vector<ChatMessage>& messages) const {
  if (!state_->text->chat_template) {
    return fail(
        Code::unsupported,
        fmt::format("model '{}' has no chat template, so it cannot answer conversations", state_->info.id));
  }
  OUTCROP_TRY(EncodedConversation conversation,
              encode_conversation(state_->text->tokenizer, *state_->text->chat_template, messages,
                                  Ending::generation_prompt));
  OUTCROP_CHECK_OK(state_->check_prompt(conversation.ids));
  return std::move(conversation.ids);
}

Result<std::vector<TokenId>> Generator::encode_plain(std::string_view text) const {
  const Tokenizer& tokenizer = state_->text->tokenizer;
  std::vector<TokenId> ids = tokenizer.prefix_ids();
  OUTCROP_TRY(const std::vector<TokenId> body, tokenizer.encode(text, Tokenizer::Specials::plain));
  ids.insert(ids.end(), body.begin(), body.end());
  OUTCROP_CHECK_OK(state_->check_prompt(ids));
  return ids;
}

Result<std::vector<Generation>> Generator::generate(std::span<const std::vector<TokenId>> prompts,
                                                    const GenerationOptions& options, std::int64_t max_batch,
                                                    const OnText& on_text, std::stop_token stop,
                                                    const OnFinished& on_finished) {
  if (max_batch < 1 || max_batch > kForwardTokens) {
    return fail(Code::invalid_argument,
                fmt::format("max_batch must be from 1 to {}, got {}", kForwardTokens, max_batch));
  }
  OUTCROP_CHECK_OK(check_generation(options));
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    if (auto good = state_->check_prompt(prompts[i]); !good) {
      if (prompts.size() == 1) return forward_error(good);
      return forward_error(good, fmt::format("prompt {} of {}", i + 1, prompts.size()));
    }
  }
  OUTCROP_CHECK_OK(state_->reserve_logits(std::min(max_batch, static_cast<std::int64_t>(prompts.size()))));
  std::vector<Generation> results(prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    results[i].prompt_tokens = static_cast<std::int64_t>(prompts[i].size());
    results[i].reason = StopReason::cancelled;  // until it has run
  }
  const BatchRun::Engine engine{*state_->decoder, *state_->text, state_->caches, state_->logits.data()};
  BatchRun batch(engine, prompts, options, static_cast<std::size_t>(max_batch), {on_text, on_finished},
                 results);
  auto ran = batch.run(stop);
  if (!options.reuse_prefix) state_->caches.clear();
  if (!ran) return forward_error(ran);
  return results;
}

}  // namespace outcrop::infer
