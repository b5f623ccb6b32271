#include "service/customize_data.h"

#include "crypto/sha256.h"
#include "data/record.h"
#include "model/problems.h"
#include "train/fingerprint.h"

#include <algorithm>
#include <span>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

namespace outcrop::service {
namespace {

Result<data::EncodedExamples> read_and_encode(const Path& file, const model::TextSide& text,
                                              const data::EncodeOptions& options) {
  OUTCROP_TRY(const auto records, data::read_training_records(file));
  return data::encode_examples(records, file.filename().string(), text.tokenizer, *text.chat_template, options);
}

/// One error of both, each with its own list of findings.
tl::unexpected<Error> join_errors(Error first, Error second) {
  return fail(first.code, fmt::format("{}\n{}", first.message, second.message));
}

std::vector<std::uint64_t> identities(const data::EncodedExamples& examples) {
  std::vector<std::uint64_t> ids;
  for (std::int64_t i = 0; i < examples.count(); ++i) {
    const auto begin = static_cast<std::size_t>(examples.starts[static_cast<std::size_t>(i)]);
    train::Fingerprint fingerprint;
    fingerprint.add_values(
        std::span(examples.tokens).subspan(begin, static_cast<std::size_t>(examples.tokens_of(i))));
    ids.push_back(fingerprint.value());
  }
  return ids;
}

void note_dropped(const data::EncodedExamples& examples, std::string_view what,
                  const data::EncodeOptions& options, std::vector<std::string>& notes) {
  if (examples.dropped == 0) return;
  notes.push_back(fmt::format("{} of {} {} records have more than {} tokens and are left out", examples.dropped,
                              examples.count() + examples.dropped, what, options.max_sequence_tokens));
}

void note_repeats(const CustomizeData& data, std::vector<std::string>& notes) {
  const std::vector<std::uint64_t> training = identities(data.training);
  const std::unordered_set<std::uint64_t> distinct(training.begin(), training.end());
  if (distinct.size() < training.size()) {
    notes.push_back(fmt::format("{} training records repeat an earlier one word for word",
                                training.size() - distinct.size()));
  }
  if (!data.validation) return;
  std::vector<std::int64_t> lines;
  const std::vector<std::uint64_t> held_out = identities(*data.validation);
  for (std::size_t i = 0; i < held_out.size(); ++i) {
    if (distinct.contains(held_out[i])) lines.push_back(data.validation->lines[i]);
  }
  if (lines.empty()) return;
  const std::size_t shown = std::min<std::size_t>(lines.size(), 5);
  notes.push_back(
      fmt::format("{} of {} validation records are in the training data too (validation line {}{}): the "
                  "validation loss will look better than it is",
                  lines.size(), held_out.size(),
                  fmt::join(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                  shown < lines.size() ? ", …" : ""));
}

std::int64_t longest(const data::EncodedExamples& examples) {
  std::int64_t tokens = 0;
  for (std::int64_t i = 0; i < examples.count(); ++i) tokens = std::max(tokens, examples.tokens_of(i));
  return tokens;
}

Status require_records(const data::EncodedExamples& examples, const Path& file) {
  if (examples.count() > 0) return {};
  return fail(Code::invalid_argument, fmt::format("{}: no record is left: {} are too long",
                                                  file.filename().string(), examples.dropped));
}

}  // namespace

Result<CustomizeData> load_customize_data(const Path& train, const std::optional<Path>& validation,
                                          const model::TextSide& text, const data::EncodeOptions& options) {
  if (!text.chat_template) {
    return fail(Code::unsupported,
                "the base model has no chat template, which records of conversations need; import "
                "an instruction-tuned model");
  }
  auto training = read_and_encode(train, text, options);
  CustomizeData data;
  if (validation) {
    auto held_out = read_and_encode(*validation, text, options);
    if (!training && !held_out) return join_errors(training.error(), held_out.error());
    if (!held_out) return forward_error(held_out);
    data.validation = *std::move(held_out);
  }
  if (!training) return forward_error(training);
  data.training = *std::move(training);
  OUTCROP_CHECK_OK(require_records(data.training, train));
  data.longest_tokens = longest(data.training);
  note_dropped(data.training, "training", options, data.notes);
  if (data.validation) {
    OUTCROP_CHECK_OK(require_records(*data.validation, *validation));
    data.longest_tokens = std::max(data.longest_tokens, longest(*data.validation));
    note_dropped(*data.validation, "validation", options, data.notes);
  }
  note_repeats(data, data.notes);
  OUTCROP_TRY(data.training_sha256, crypto::sha256_file(train));
  return data;
}

Status check_vocabulary(const data::EncodedExamples& examples, const Path& file, const Tokenizer& tokenizer,
                        std::int64_t vocab_size) {
  model::Problems problems;
  for (std::int64_t i = 0; i < examples.count(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const auto begin = examples.tokens.begin() + examples.starts[at];
    const auto end = examples.tokens.begin() + examples.starts[at + 1];
    const auto outside = std::find_if(begin, end, [&](TokenId id) { return id < 0 || id >= vocab_size; });
    if (outside == end) continue;
    problems.add(fmt::format("line {}: token '{}' has id {}, the model knows ids below {}", examples.lines[at],
                             tokenizer.token_text(*outside), *outside, vocab_size));
  }
  if (!problems.empty()) return problems.as_error(Code::invalid_argument, file.filename().string());
  return {};
}

}  // namespace outcrop::service
