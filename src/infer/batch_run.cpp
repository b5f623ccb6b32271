#include "infer/batch_run.h"

#include "base/thread_pool.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

namespace outcrop::infer {

BatchRun::BatchRun(Engine engine, std::span<const std::vector<TokenId>> prompts,
                   const GenerationOptions& options, std::size_t max_batch, Callbacks callbacks,
                   std::span<Generation> results)
    : engine_(engine),
      prompts_(prompts),
      options_(options),
      max_batch_(max_batch),
      callbacks_(callbacks),
      context_length_(engine.decoder.model().config().context_length),
      vocab_size_(engine.decoder.model().config().vocab_size),
      results_(results),
      waiting_(prompts.size()) {
  // Longest first: the batch stays full until near the end, and every later sequence fits a used cache.
  std::iota(waiting_.rbegin(), waiting_.rend(), std::size_t{0});
  std::stable_sort(waiting_.begin(), waiting_.end(),
                   [&](std::size_t a, std::size_t b) { return prompts_[a].size() < prompts_[b].size(); });
}

Status BatchRun::run(const std::stop_token& stop) {
  while (!waiting_.empty() || !running_.empty()) {
    if (stop.stop_requested()) {
      cancel();
    } else {
      admit();
      plan_forward();
      const Matrix<float> logits(engine_.logits, static_cast<std::int64_t>(inputs_.size()), vocab_size_);
      engine_.decoder.forward(inputs_, logits);
      OUTCROP_CHECK_OK(sample_and_accept(logits));
    }
    retire_finished();
  }
  return {};
}

void BatchRun::admit() {
  const PrefixReuse reuse = options_.reuse_prefix ? PrefixReuse::yes : PrefixReuse::no;
  while (!waiting_.empty() && running_.size() < max_batch_) {
    const std::size_t index = waiting_.back();
    waiting_.pop_back();
    const std::vector<TokenId>& prompt = prompts_[index];
    const auto length = static_cast<std::int64_t>(prompt.size());
    const bool whole_context = options_.reuse_prefix || options_.max_tokens > context_length_ - length;
    const std::int64_t capacity = whole_context ? context_length_ : length + options_.max_tokens;
    running_.push_back(std::make_unique<Sequence>(
        index, prompt, options_, engine_.text, engine_.caches.take(engine_.decoder, prompt, capacity, reuse)));
  }
}

void BatchRun::plan_forward() {
  inputs_.clear();
  owners_.clear();
  std::int64_t room = kForwardTokens;
  for (const bool answering : {true, false}) {
    for (const auto& sequence : running_) {
      if ((sequence->unseen() == 1) != answering || room == 0) continue;
      const std::int64_t count = std::min(sequence->unseen(), room);
      inputs_.push_back(sequence->input(count));
      owners_.push_back(sequence.get());
      room -= count;
    }
  }
}

Status BatchRun::sample_and_accept(Matrix<float> logits) {
  std::vector<SampledToken> drawn(owners_.size());
  parallel_for(static_cast<std::int64_t>(owners_.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      Sequence& sequence = *owners_[static_cast<std::size_t>(i)];
      // A prompt that is not through yet has no use for its logits.
      if (sequence.unseen() != 0) continue;
      drawn[static_cast<std::size_t>(i)] =
          sequence.sample({logits.row(i), static_cast<std::size_t>(logits.cols)});
    }
  });
  for (std::size_t i = 0; i < owners_.size(); ++i) {
    Sequence& sequence = *owners_[i];
    if (sequence.unseen() != 0) continue;
    if (drawn[i].id < 0) {
      return fail(
          Code::corrupt_data,
          fmt::format("the model's output after {} tokens holds no number: its weights or adapter are damaged",
                      sequence.tokens().size()));
    }
    show(sequence, sequence.accept(drawn[i], context_length_));
  }
  return {};
}

void BatchRun::cancel() {
  for (const auto& sequence : running_) show(*sequence, sequence->end(StopReason::cancelled));
  waiting_.clear();
}

void BatchRun::retire_finished() {
  std::erase_if(running_, [&](const std::unique_ptr<Sequence>& sequence) {
    if (!sequence->finished()) return false;
    Generation& result = results_[sequence->index()];
    result = sequence->take_result();
    if (callbacks_.on_finished) callbacks_.on_finished(sequence->index(), result);
    engine_.caches.give_back(sequence->take_cache(), sequence->take_tokens(), max_batch_);
    return true;
  });
}

void BatchRun::show(const Sequence& sequence, std::string_view text) const {
  if (callbacks_.on_text && !text.empty()) callbacks_.on_text(sequence.index(), text);
}

}  // namespace outcrop::infer
