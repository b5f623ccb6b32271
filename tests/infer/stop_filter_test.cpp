#include "infer/stop_filter.h"

#include "base/text.h"

#include <gtest/gtest.h>

namespace outcrop::infer {
namespace {

/// All that comes out when the text arrives in pieces of `size` bytes.
std::string filtered(std::vector<std::string> stop, std::string_view text, std::size_t size) {
  StopFilter filter(std::move(stop));
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += size) out += filter.push(text.substr(at, size));
  return out + filter.finish();
}

TEST(StopFilter, LetsTextThroughAtOnceWithoutStopSequences) {
  StopFilter filter({});
  EXPECT_EQ(filter.push("abc"), "abc");
  EXPECT_EQ(filter.finish(), "");
}

TEST(StopFilter, CutsAtTheSequenceHoweverTheTextArrives) {
  for (std::size_t size = 1; size <= 12; ++size) {
    EXPECT_EQ(filtered({"END"}, "one EN two END three", size), "one EN two ") << size;
    EXPECT_EQ(filtered({"abab"}, "xaababab", size), "xa") << size;
    EXPECT_EQ(filtered({"bc", "abcd"}, "zabcde", size), "za") << size;
    EXPECT_EQ(filtered({"bcd", "abcd"}, "zabcde", size), "z") << size;
  }
}

TEST(StopFilter, HoldsBackOnlyWhatMayBecomeASequence) {
  StopFilter filter({"\n\nUser:"});
  EXPECT_EQ(filter.push("Hello\n"), "Hello");
  EXPECT_EQ(filter.push("\nUs"), "");
  EXPECT_EQ(filter.push("e it"), "\n\nUse it");
  EXPECT_FALSE(filter.stopped());
}

TEST(StopFilter, NeverShowsPartOfASequence) {
  StopFilter filter({"<stop>"});
  std::string shown;
  for (const char c : std::string("a<st<stop>b")) shown += filter.push(std::string(1, c));
  EXPECT_EQ(shown, "a<st");
  EXPECT_TRUE(filter.stopped());
  EXPECT_EQ(filter.push("more"), "");
  EXPECT_EQ(filter.finish(), "");
}

TEST(StopFilter, GivesBackWhatWasHeldWhenTheTextEnds) {
  StopFilter filter({"<stop>"});
  EXPECT_EQ(filter.push("a<sto"), "a");
  EXPECT_EQ(filter.finish(), "<sto");
}

TEST(StopFilter, EmitsWholeCharactersOnly) {
  // The sequence shares its first bytes with other characters of the text.
  StopFilter filter({"é!"});
  const std::vector<std::string> pieces{"è", "é", "é", "ê", "é", "!"};
  std::string shown;
  for (const std::string& piece : pieces) {
    const std::string out = filter.push(piece);
    EXPECT_EQ(valid_utf8_prefix(out), out.size());
    shown += out;
  }
  EXPECT_EQ(shown, "èééê");
  EXPECT_TRUE(filter.stopped());
}

TEST(CheckStopSequences, RejectsEmptyAndBrokenText) {
  EXPECT_FALSE(check_stop_sequences(std::vector<std::string>{"a", ""}));
  EXPECT_FALSE(check_stop_sequences(std::vector<std::string>{"\xC3"}));
  EXPECT_TRUE(check_stop_sequences(std::vector<std::string>{"é", "\n"}));
}

}  // namespace
}  // namespace outcrop::infer
