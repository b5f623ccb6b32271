#include "data/packing.h"

#include "base/check.h"
#include "base/thread_pool.h"

#include <algorithm>
#include <map>
#include <numeric>

#include <fmt/format.h>

namespace outcrop::data {
namespace {

/// One record's share of EncodedExamples, before it is appended.
struct Encoded {
  std::vector<TokenId> tokens;
  std::vector<std::int32_t> targets;
  std::int64_t target_tokens = 0;
  std::optional<Finding> finding;
  bool too_long = false;
};

Finding finding_of(const Record& record, std::string_view file, std::string rule, std::string value) {
  return {.file = std::string(file),
          .line = record.line,
          .field = "",
          .rule = std::move(rule),
          .value = std::move(value)};
}

Encoded encode_record(const Record& record, std::string_view file, const Tokenizer& tokenizer,
                      const ChatTemplate& chat_template, const EncodeOptions& options) {
  Encoded result;
  auto encoded = encode_conversation(tokenizer, chat_template, record.messages, Ending::complete);
  if (!encoded) {
    result.finding =
        finding_of(record, file, "the chat template must render the record", encoded.error().message);
    return result;
  }
  result.tokens = std::move(encoded->ids);
  result.targets.assign(result.tokens.size(), -1);
  for (const TokenSpan& span : encoded->assistant) {
    if (!options.train_on_all_turns && &span != &encoded->assistant.back()) continue;
    // The token before predicts the next: the first token of an example has nothing before it.
    for (std::int64_t at = std::max<std::int64_t>(1, span.begin); at < span.end; ++at) {
      result.targets[static_cast<std::size_t>(at - 1)] = result.tokens[static_cast<std::size_t>(at)];
      ++result.target_tokens;
    }
  }
  const auto count = static_cast<std::int64_t>(result.tokens.size());
  if (result.target_tokens == 0) {
    result.finding = finding_of(record, file, "at least one token must be the assistant's",
                                "none of " + std::to_string(count));
  } else if (count > options.max_sequence_tokens) {
    result.too_long = true;
    result.finding = finding_of(record, file, fmt::format("at most {} tokens", options.max_sequence_tokens),
                                fmt::format("{} tokens", count));
  }
  return result;
}

void append(EncodedExamples& examples, const Encoded& encoded, std::int64_t line) {
  examples.tokens.insert(examples.tokens.end(), encoded.tokens.begin(), encoded.tokens.end());
  examples.targets.insert(examples.targets.end(), encoded.targets.begin(), encoded.targets.end());
  examples.starts.push_back(static_cast<std::int64_t>(examples.tokens.size()));
  examples.lines.push_back(line);
  examples.target_tokens += encoded.target_tokens;
}

}  // namespace

std::int64_t EncodedExamples::tokens_of(std::int64_t example) const {
  const auto i = static_cast<std::size_t>(example);
  return starts[i + 1] - starts[i];
}

std::int64_t EncodedExamples::targets_of(std::int64_t example) const {
  const auto i = static_cast<std::size_t>(example);
  const auto begin = targets.begin() + starts[i];
  const auto end = targets.begin() + starts[i + 1];
  return std::count_if(begin, end, [](std::int32_t target) { return target >= 0; });
}

Result<EncodedExamples> encode_examples(std::span<const Record> records, std::string_view file,
                                        const Tokenizer& tokenizer, const ChatTemplate& chat_template,
                                        const EncodeOptions& options) {
  std::vector<Encoded> all(records.size());
  parallel_for(static_cast<std::int64_t>(records.size()), 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto at = static_cast<std::size_t>(i);
      all[at] = encode_record(records[at], file, tokenizer, chat_template, options);
    }
  });
  EncodedExamples examples;
  Findings findings;
  bool too_long = false;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].too_long && options.too_long == TooLong::drop) {
      ++examples.dropped;
    } else if (all[i].finding) {
      too_long = too_long || all[i].too_long;
      findings.add(*std::move(all[i].finding));
    } else {
      append(examples, all[i], records[i].line);
    }
  }
  if (!findings.empty()) {
    return tl::unexpected<Error>(findings.to_error(fmt::format(
        "{}: {} record{} cannot be trained on{}", file, findings.total, findings.total == 1 ? "" : "s",
        too_long ? " (maxSequenceLength is the limit of tokens; tooLong=drop leaves longer records out)"
                 : "")));
  }
  if (examples.count() == 0) {
    return fail(Code::invalid_argument,
                fmt::format("{}: no record is left to train on ({} dropped for having more than {} tokens)",
                            file, examples.dropped, options.max_sequence_tokens));
  }
  return examples;
}

Rows pack_best_fit(std::span<const std::int64_t> lengths, std::int64_t row_tokens) {
  std::vector<std::int64_t> order(lengths.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return lengths[static_cast<std::size_t>(a)] > lengths[static_cast<std::size_t>(b)];
  });
  Rows rows;
  std::multimap<std::int64_t, std::size_t> by_room;  // free tokens of a row -> the row
  for (const std::int64_t example : order) {
    const std::int64_t length = lengths[static_cast<std::size_t>(example)];
    CHECK(length <= row_tokens, "an example is longer than a row");
    const auto fit = by_room.lower_bound(length);
    std::size_t row = rows.size();
    std::int64_t room = row_tokens;
    if (fit == by_room.end()) {
      rows.emplace_back();
    } else {
      row = fit->second;
      room = fit->first;
      by_room.erase(fit);
    }
    rows[row].push_back(example);
    by_room.emplace(room - length, row);
  }
  return rows;
}

RowBuffers assemble_row(const EncodedExamples& examples, std::span<const std::int64_t> row) {
  RowBuffers buffers;
  for (const std::int64_t example : row) {
    const auto i = static_cast<std::size_t>(example);
    buffers.segment_starts.push_back(static_cast<std::int32_t>(buffers.tokens.size()));
    buffers.tokens.insert(buffers.tokens.end(), examples.tokens.begin() + examples.starts[i],
                          examples.tokens.begin() + examples.starts[i + 1]);
    buffers.targets.insert(buffers.targets.end(), examples.targets.begin() + examples.starts[i],
                           examples.targets.begin() + examples.starts[i + 1]);
  }
  buffers.segment_starts.push_back(static_cast<std::int32_t>(buffers.tokens.size()));
  return buffers;
}

}  // namespace outcrop::data
