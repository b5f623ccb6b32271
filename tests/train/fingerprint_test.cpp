#include "train/fingerprint.h"

#include <gtest/gtest.h>

namespace outcrop::train {
namespace {

std::uint64_t of_pieces(std::string_view text, std::size_t piece) {
  Fingerprint fingerprint;
  for (std::size_t i = 0; i < text.size(); i += piece) {
    fingerprint.add_values(std::span<const char>(text.substr(i, piece)));
  }
  return fingerprint.value();
}

TEST(Fingerprint, DoesNotDependOnHowBytesAreCut) {
  const std::string text = "the quick brown fox jumps over the lazy dog";
  const std::uint64_t whole = of_pieces(text, text.size());
  for (std::size_t piece = 1; piece < 20; ++piece) EXPECT_EQ(of_pieces(text, piece), whole) << piece;
}

TEST(Fingerprint, SeesEveryBit) {
  const std::string text(40, 'x');
  const std::uint64_t whole = of_pieces(text, 40);
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = text;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      EXPECT_NE(of_pieces(changed, 40), whole) << i << ' ' << bit;
    }
  }
}

TEST(Fingerprint, TellsTrailingZerosApart) {
  EXPECT_NE(fingerprint_of(std::string_view("a\0", 2)), fingerprint_of(std::string_view("a", 1)));
  EXPECT_NE(fingerprint_of(std::string_view("\0", 1)), fingerprint_of(std::string_view()));
}

TEST(Fingerprint, SeesTheMaskAndTheBordersOfRecords) {
  data::EncodedExamples a;
  a.tokens = {1, 2, 3, 4};
  a.targets = {-1, 3, -1, -1};
  a.starts = {0, 2, 4};
  a.lines = {1, 2};
  data::EncodedExamples mask = a;
  mask.targets[1] = -1;
  data::EncodedExamples borders = a;
  borders.starts[1] = 3;
  EXPECT_EQ(fingerprint_of(a), fingerprint_of(data::EncodedExamples(a)));
  EXPECT_NE(fingerprint_of(a), fingerprint_of(mask));
  EXPECT_NE(fingerprint_of(a), fingerprint_of(borders));
}

}  // namespace
}  // namespace outcrop::train
