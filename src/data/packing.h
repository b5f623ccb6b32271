#pragma once
// From records to packed rows of tokens: encoding with loss masks, length policy, and best-fit packing.

#include "base/result.h"
#include "data/record.h"
#include "tokenizer/conversation.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace outcrop::data {

/// What happens to a record with more tokens than max_sequence_tokens.
enum class TooLong : std::uint8_t {
  error,  ///< a finding; nothing is trained
  drop,   ///< left out and counted
};

struct EncodeOptions {
  std::int64_t max_sequence_tokens = 2048;
  TooLong too_long = TooLong::error;
  bool train_on_all_turns = true;  ///< false: only the last assistant turn is a target
};

/// All examples in two flat buffers; example i is [starts[i], starts[i+1]).
struct EncodedExamples {
  std::vector<TokenId> tokens;
  std::vector<std::int32_t> targets;  ///< per token: the next token where it is the assistant's, else -1
  std::vector<std::int64_t> starts{0};
  std::vector<std::int64_t> lines;  ///< the record's line in its file
  std::int64_t target_tokens = 0;
  std::int64_t dropped = 0;

  std::int64_t count() const noexcept { return static_cast<std::int64_t>(lines.size()); }
  std::int64_t tokens_of(std::int64_t example) const;
  std::int64_t targets_of(std::int64_t example) const;
};

/// Targets are set by position, never by token id; the end-of-turn token is trained; the first token of an
/// example is never a target. Findings: a template that raises, no target at all, too long (with its number of
/// tokens). In parallel; the order of examples is that of the records.
Result<EncodedExamples> encode_examples(std::span<const Record> records, std::string_view file,
                                        const Tokenizer& tokenizer, const ChatTemplate& chat_template,
                                        const EncodeOptions& options);

/// Rows of at most row_tokens tokens; each a list of example indices.
using Rows = std::vector<std::vector<std::int64_t>>;

/// Best-fit decreasing in O(n log n): example i has lengths[i] tokens, at most row_tokens. Every example is in
/// exactly one row. Deterministic.
Rows pack_best_fit(std::span<const std::int64_t> lengths, std::int64_t row_tokens);

/// A row ready for the model: concatenated tokens, targets and segment starts.
struct RowBuffers {
  std::vector<TokenId> tokens;
  std::vector<std::int32_t> targets;
  std::vector<std::int32_t> segment_starts;
};
RowBuffers assemble_row(const EncodedExamples& examples, std::span<const std::int64_t> row);

}  // namespace outcrop::data
