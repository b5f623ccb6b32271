#include "service/generate.h"

#include "data/record.h"
#include "model/library.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace outcrop::service {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

Status check_request(const BatchRequest& request) {
  OUTCROP_CHECK_OK(infer::check_generation(request.generation));
  std::error_code none;
  if (std::filesystem::equivalent(request.input, request.output, none)) {
    return fail(Code::invalid_argument,
                fmt::format("input and output are the same file, '{}'", request.input.string()));
  }
  if (std::filesystem::is_directory(request.output, none)) {
    return fail(Code::invalid_argument,
                fmt::format("output '{}' is a folder, not a file", request.output.string()));
  }
  return {};
}

/// All prompts as tokens, or one error that lists every record that cannot be rendered.
Result<std::vector<std::vector<TokenId>>> render_all(const infer::Generator& generator, const Path& input,
                                                     const std::vector<data::PromptRecord>& records) {
  std::vector<std::vector<TokenId>> prompts;
  prompts.reserve(records.size());
  data::Findings findings;
  for (const data::PromptRecord& prompt : records) {
    auto tokens = generator.render(prompt.record.messages);
    if (tokens) {
      prompts.push_back(*std::move(tokens));
    } else if (tokens.error().code == Code::invalid_argument) {
      findings.add({.file = input.string(),
                    .line = prompt.record.line,
                    .field = {},
                    .rule = std::move(tokens).error().message,
                    .value = {}});
    } else {
      return forward_error(tokens);
    }
  }
  if (findings.empty()) return prompts;
  return tl::unexpected<Error>(findings.to_error("the records cannot be answered"));
}

/// Counts what has come to its end and tells the observer.
class Meter {
 public:
  Meter(std::size_t records, const std::function<void(const BatchProgress&)>& observer) : observer_(observer) {
    progress_.records = static_cast<std::int64_t>(records);
  }
  void finished(const infer::Generation& generation) {
    if (generation.reason == infer::StopReason::cancelled) return;
    ++progress_.done;
    progress_.generated_tokens += static_cast<std::int64_t>(generation.tokens.size());
    const double seconds = seconds_since(started_);
    progress_.tokens_per_second = static_cast<double>(progress_.generated_tokens) / std::max(seconds, 1e-9);
    progress_.seconds_left =
        seconds / static_cast<double>(progress_.done) * static_cast<double>(progress_.records - progress_.done);
    if (observer_) observer_(progress_);
  }
  std::int64_t done() const noexcept { return progress_.done; }

 private:
  const std::function<void(const BatchProgress&)>& observer_;
  BatchProgress progress_;
  Clock::time_point started_ = Clock::now();
};

BatchResult summarise(const std::vector<data::PromptRecord>& records,
                      const std::vector<infer::Generation>& answers) {
  BatchResult result;
  result.records = static_cast<std::int64_t>(records.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    const infer::Generation& answer = answers[i];
    result.prompt_tokens += answer.prompt_tokens;
    result.generated_tokens += static_cast<std::int64_t>(answer.tokens.size());
    if (answer.reason == infer::StopReason::max_tokens || answer.reason == infer::StopReason::context_limit) {
      ++result.truncated;
    }
    if (!records[i].expected) continue;
    ++result.with_expected;
    if (trimmed(*records[i].expected) == trimmed(answer.text)) ++result.exact_matches;
  }
  return result;
}

}  // namespace

Result<std::unique_ptr<infer::Generator>> load_generator(const Path& home, std::string_view model_id) {
  OUTCROP_TRY(const model::Library library, model::Library::open(home));
  OUTCROP_TRY(model::LoadedModel loaded, library.load(model_id));
  return std::make_unique<infer::Generator>(std::move(loaded));
}

Result<BatchResult> run_batch(const BatchRequest& request,
                              const std::function<void(const BatchProgress&)>& on_progress,
                              std::stop_token stop) {
  const Clock::time_point started = Clock::now();
  OUTCROP_CHECK_OK(check_request(request));
  OUTCROP_TRY(const std::vector<data::PromptRecord> records, data::read_prompt_records(request.input));
  OUTCROP_TRY(const std::unique_ptr<infer::Generator> generator, load_generator(request.home, request.model));
  OUTCROP_TRY(const std::vector<std::vector<TokenId>> prompts, render_all(*generator, request.input, records));
  // Opened before the long work, so that a folder that cannot be written is found out first.
  OUTCROP_TRY(AtomicFile output, AtomicFile::create(request.output));

  Meter meter(records.size(), on_progress);
  const auto on_finished = [&](std::size_t, const infer::Generation& generation) {
    meter.finished(generation);
  };
  OUTCROP_TRY(const std::vector<infer::Generation> answers,
              generator->generate(prompts, request.generation, request.max_batch, {}, stop, on_finished));
  if (meter.done() < static_cast<std::int64_t>(records.size())) {
    return fail(Code::cancelled, fmt::format("stopped after {} of {} records; '{}' is not written",
                                             meter.done(), records.size(), request.output.string()));
  }
  for (std::size_t i = 0; i < records.size(); ++i) {
    OUTCROP_CHECK_OK(output.write(data::render_with_answer(records[i].record, answers[i].text) + "\n"));
  }
  OUTCROP_CHECK_OK(output.commit());
  BatchResult result = summarise(records, answers);
  result.seconds = seconds_since(started);
  return result;
}

}  // namespace outcrop::service
