// Encoding with loss masks, and packing.

#include "data/packing.h"

#include "base/random.h"
#include "tokenizer/golden.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outcrop::data {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kTurns =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

ChatTemplate compile(std::string_view source) {
  return ChatTemplate::compile(source, {.bos = "<|bos|>", .eos = "<|im_end|>"}).value();
}

/// Messages in turn from the user and the assistant.
Record record_of(const std::vector<std::string>& texts, std::int64_t line = 1) {
  Record record;
  record.line = line;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    record.messages.push_back({i % 2 == 0 ? Role::user : Role::assistant, texts[i]});
  }
  return record;
}

Result<EncodedExamples> encode(const std::vector<Record>& records, const EncodeOptions& options = {},
                               std::string_view source = kTurns) {
  static const Tokenizer tokenizer = test::tiny_tokenizer();
  return encode_examples(records, "t.jsonl", tokenizer, compile(source), options);
}

/// Which tokens are learnt: their text, each target token being the next one of the input.
std::string learnt(const EncodedExamples& examples, std::int64_t example) {
  static const Tokenizer tokenizer = test::tiny_tokenizer();
  std::vector<TokenId> targets;
  for (std::int64_t at = examples.starts[static_cast<std::size_t>(example)];
       at < examples.starts[static_cast<std::size_t>(example) + 1]; ++at) {
    const std::int32_t target = examples.targets[static_cast<std::size_t>(at)];
    if (target < 0) continue;
    EXPECT_EQ(target, examples.tokens.at(static_cast<std::size_t>(at) + 1));
    targets.push_back(target);
  }
  return tokenizer.decode(targets, /*keep_specials=*/true);
}

TEST(EncodeExamples, LearnsTheAnswerAndTheTokenThatEndsIt) {
  const auto examples = encode({record_of({"one two", "three"})});
  ASSERT_TRUE(examples) << examples.error().message;
  ASSERT_EQ(examples->count(), 1);
  EXPECT_EQ(learnt(*examples, 0), "three<|im_end|>");
  EXPECT_EQ(examples->target_tokens, examples->targets_of(0));
  EXPECT_EQ(examples->tokens_of(0), std::ssize(examples->tokens));
  EXPECT_EQ(examples->targets.size(), examples->tokens.size());
}

TEST(EncodeExamples, LearnsEveryTurnOrTheLastOne) {
  const std::vector<Record> records = {record_of({"a", "first", "b", "second", "c", "third"})};
  const auto all = encode(records);
  ASSERT_TRUE(all);
  EXPECT_EQ(learnt(*all, 0), "first<|im_end|>second<|im_end|>third<|im_end|>");
  const auto last = encode(records, {.train_on_all_turns = false});
  ASSERT_TRUE(last);
  EXPECT_EQ(learnt(*last, 0), "third<|im_end|>");
  EXPECT_EQ(last->tokens, all->tokens);
}

TEST(EncodeExamples, MarksByPositionAndNotByTokenId) {
  // The user says what the assistant says, control token and role name included.
  const auto examples = encode({record_of({"same<|im_end|>\nassistant\nsame", "same"})});
  ASSERT_TRUE(examples) << examples.error().message;
  EXPECT_EQ(learnt(*examples, 0), "same<|im_end|>");
  const auto injected = encode({record_of({"a", "b<|im_end|>c"})});
  ASSERT_TRUE(injected);
  EXPECT_EQ(learnt(*injected, 0), "b<|im_end|>c<|im_end|>");
}

TEST(EncodeExamples, TheFirstTokenOfAnExampleIsNeverATarget) {
  // Nothing before the answer but what the tokenizer itself would add: this template adds nothing.
  const auto examples =
      encode({record_of({"a", "b"}), record_of({"c", "d"})}, {},
             "{% for m in messages %}{% if m.role == 'assistant' %}{{ m.content }}<|im_end|>{% "
             "endif %}{% endfor %}");
  ASSERT_TRUE(examples) << examples.error().message;
  for (std::int64_t i = 0; i < 2; ++i) {
    // Targets lie at tokens before others, so the first token is in nobody's target and the last has none.
    EXPECT_EQ(
        examples->targets[static_cast<std::size_t>(examples->starts[static_cast<std::size_t>(i) + 1] - 1)], -1);
    EXPECT_EQ(examples->targets_of(i), examples->tokens_of(i) - 1);
  }
}

TEST(EncodeExamples, KeepsTheOrderAndTheLinesOfTheRecords) {
  std::vector<Record> records;
  for (std::int64_t i = 0; i < 100; ++i) {
    records.push_back(record_of({"q", "answer " + std::to_string(i)}, 2 * i + 3));
  }
  const auto examples = encode(records);
  ASSERT_TRUE(examples);
  ASSERT_EQ(examples->count(), 100);
  std::int64_t targets = 0;
  for (std::int64_t i = 0; i < 100; ++i) {
    EXPECT_EQ(learnt(*examples, i), "answer " + std::to_string(i) + "<|im_end|>");
    EXPECT_EQ(examples->lines[static_cast<std::size_t>(i)], 2 * i + 3);
    targets += examples->targets_of(i);
  }
  EXPECT_EQ(examples->target_tokens, targets);
}

TEST(EncodeExamples, ARecordOfExactlyTheLimitFitsAndIsNeverCut) {
  const std::vector<Record> records = {record_of({"one two three", "four five"}, 4)};
  const std::int64_t tokens = encode(records)->tokens_of(0);
  const auto fits = encode(records, {.max_sequence_tokens = tokens});
  ASSERT_TRUE(fits) << fits.error().message;
  EXPECT_EQ(fits->tokens_of(0), tokens);
  const auto refused = encode(records, {.max_sequence_tokens = tokens - 1});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid_argument);
  EXPECT_THAT(refused.error().message, HasSubstr("t.jsonl:4: at most " + std::to_string(tokens - 1) +
                                                 " tokens, found " + std::to_string(tokens) + " tokens"));
}

TEST(EncodeExamples, DropsTooLongRecordsWhenAskedAndCountsThem) {
  const std::string long_text(400, 'x');
  const auto examples =
      encode({record_of({long_text, "a"}, 1), record_of({"b", "c"}, 2), record_of({"d", long_text}, 3)},
             {.max_sequence_tokens = 40, .too_long = TooLong::drop});
  ASSERT_TRUE(examples) << examples.error().message;
  EXPECT_EQ(examples->dropped, 2);
  ASSERT_EQ(examples->count(), 1);
  EXPECT_EQ(examples->lines[0], 2);
  EXPECT_EQ(learnt(*examples, 0), "c<|im_end|>");
}

TEST(EncodeExamples, NothingLeftToTrainOnIsAnError) {
  const auto none =
      encode({record_of({std::string(400, 'x'), "a"})}, {.max_sequence_tokens = 40, .too_long = TooLong::drop});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::invalid_argument);
  EXPECT_THAT(none.error().message, HasSubstr("no record is left to train on (1 dropped"));
}

TEST(EncodeExamples, ATemplateThatLosesTheAnswerIsAFinding) {
  const auto refused =
      encode({record_of({"a", "b"}, 5)}, {},
             "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid_argument);
  EXPECT_THAT(refused.error().message, HasSubstr("t.jsonl:5: at least one token must be the assistant's"));
}

TEST(EncodeExamples, DroppingTooLongRecordsNeverHidesARecordWithoutTargets) {
  const auto refused = encode(
      {record_of({std::string(400, 'x'), "b"}, 5)}, {.max_sequence_tokens = 40, .too_long = TooLong::drop},
      "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("at least one token must be the assistant's"));
}

TEST(EncodeExamples, TheTemplatesOwnRefusalComesWithTheRecordsLine) {
  const auto refused =
      encode({record_of({"a", "b"}, 8), record_of({"a", "b"}, 9)}, {}, "{{ raise_exception('no such role') }}");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("2 records cannot be trained on"));
  EXPECT_THAT(refused.error().message,
              HasSubstr("t.jsonl:9: the chat template must render the record, found no such role"));
}

TEST(EncodeExamples, FindingsAreShownUpToAHundred) {
  std::vector<Record> records;
  for (std::int64_t i = 1; i <= 130; ++i) records.push_back(record_of({"a", "b"}, i));
  const auto refused = encode(records, {.max_sequence_tokens = 2});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("130 records cannot be trained on"));
  EXPECT_THAT(refused.error().message, HasSubstr("t.jsonl:100: "));
  EXPECT_THAT(refused.error().message, Not(HasSubstr("t.jsonl:101: ")));
  EXPECT_THAT(refused.error().message, HasSubstr("and 30 more"));
}

std::vector<std::int64_t> random_lengths(std::size_t count, std::int64_t most, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::int64_t> lengths(count);
  for (std::int64_t& length : lengths) {
    length = 1 + static_cast<std::int64_t>(random.uniform() * static_cast<float>(most - 1));
  }
  return lengths;
}

std::int64_t tokens_in(const std::vector<std::int64_t>& row, const std::vector<std::int64_t>& lengths) {
  std::int64_t total = 0;
  for (const std::int64_t example : row) total += lengths[static_cast<std::size_t>(example)];
  return total;
}

TEST(PackBestFit, PutsEveryExampleIntoExactlyOneRowWithinItsCapacity) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::int64_t row_tokens = 50 + 37 * static_cast<std::int64_t>(seed);
    const auto lengths = random_lengths(40 * seed, row_tokens, seed);
    std::vector<std::int64_t> all;
    for (const auto& row : pack_best_fit(lengths, row_tokens)) {
      EXPECT_FALSE(row.empty());
      EXPECT_LE(tokens_in(row, lengths), row_tokens);
      all.insert(all.end(), row.begin(), row.end());
    }
    std::sort(all.begin(), all.end());
    std::vector<std::int64_t> expected(lengths.size());
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(all, expected);
  }
}

TEST(PackBestFit, FillsTheTightestRowFirst) {
  // 70 and 60 open a row each; 40 fits the second exactly, 30 the first.
  EXPECT_EQ(pack_best_fit(std::vector<std::int64_t>{30, 60, 40, 70}, 100), (Rows{{3, 0}, {1, 2}}));
  EXPECT_EQ(pack_best_fit(std::vector<std::int64_t>{100, 100}, 100), (Rows{{0}, {1}}));
  EXPECT_EQ(pack_best_fit({}, 100), Rows{});
}

TEST(PackBestFit, FillsAllRowsButOneByMoreThanTwoThirdsWhenNoExampleExceedsHalfARow) {
  // A row is opened only when no other has room: so for every packing that does that, hence for this one.
  constexpr std::int64_t kRow = 512;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto lengths = random_lengths(300, kRow / 2, seed);
    std::int64_t emptier = 0;
    for (const auto& row : pack_best_fit(lengths, kRow)) emptier += 3 * tokens_in(row, lengths) <= 2 * kRow;
    EXPECT_LE(emptier, 1);
  }
}

TEST(PackBestFit, IsDeterministicAndKeepsEqualLengthsInOrder) {
  const auto lengths = random_lengths(500, 64, 3);
  EXPECT_EQ(pack_best_fit(lengths, 128), pack_best_fit(lengths, 128));
  EXPECT_EQ(pack_best_fit(std::vector<std::int64_t>(6, 40), 100), (Rows{{0, 1}, {2, 3}, {4, 5}}));
}

TEST(PackBestFitDeathTest, AnExampleThatIsLongerThanARowIsABug) {
  EXPECT_DEATH((void)pack_best_fit(std::vector<std::int64_t>{5}, 4), "longer than a row");
}

TEST(AssembleRow, LaysExamplesBehindEachOtherWithTheirBorders) {
  const auto examples =
      encode({record_of({"a", "first"}), record_of({"b c d", "second"}), record_of({"e", "third"})});
  ASSERT_TRUE(examples);
  const std::vector<std::int64_t> row = {2, 0};
  const RowBuffers buffers = assemble_row(*examples, row);
  const auto third = static_cast<std::int32_t>(examples->tokens_of(2));
  const auto first = static_cast<std::int32_t>(examples->tokens_of(0));
  EXPECT_EQ(buffers.segment_starts, (std::vector<std::int32_t>{0, third, third + first}));
  ASSERT_EQ(buffers.tokens.size(), static_cast<std::size_t>(third + first));
  ASSERT_EQ(buffers.targets.size(), buffers.tokens.size());
  EXPECT_TRUE(std::equal(buffers.tokens.begin(), buffers.tokens.begin() + third,
                         examples->tokens.begin() + examples->starts[2]));
  EXPECT_TRUE(std::equal(buffers.targets.begin() + third, buffers.targets.end(), examples->targets.begin()));
}

TEST(AssembleRow, NoTokenPredictsTheFirstTokenOfTheNextSegment) {
  std::vector<Record> records;
  for (int i = 0; i < 60; ++i) {
    records.push_back(
        record_of({std::string(static_cast<std::size_t>(i % 7), 'q') + "?", std::to_string(i * i)}));
  }
  const auto examples = encode(records);
  ASSERT_TRUE(examples);
  std::vector<std::int64_t> lengths;
  for (std::int64_t i = 0; i < examples->count(); ++i) lengths.push_back(examples->tokens_of(i));
  std::int64_t targets = 0;
  for (const auto& row : pack_best_fit(lengths, 200)) {
    const RowBuffers buffers = assemble_row(*examples, row);
    for (std::size_t s = 1; s < buffers.segment_starts.size(); ++s) {
      EXPECT_EQ(buffers.targets[static_cast<std::size_t>(buffers.segment_starts[s]) - 1], -1);
    }
    for (std::size_t at = 0; at + 1 < buffers.targets.size(); ++at) {
      if (buffers.targets[at] < 0) continue;
      EXPECT_EQ(buffers.targets[at], buffers.tokens[at + 1]);
      ++targets;
    }
  }
  EXPECT_EQ(targets, examples->target_tokens);
}

}  // namespace
}  // namespace outcrop::data
