#pragma once
// Merges for a SentencePiece-style vocabulary. Such a vocabulary has scores and no merges: its tokenizer
// joins, again and again, the two neighbours whose joined piece has the highest score. Byte-pair encoding
// does the same when every way to cut a piece in two known pieces is a merge, ranked by the piece's score.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::gguf {

struct PieceMerge {
  std::uint32_t left;  ///< token ids
  std::uint32_t right;
};

/// `takes_part[i]`: token i may be joined or be a part (control, byte and user-defined tokens may not, so
/// that no text spells its way to them). All three have one entry a token. In rank order: score falling,
/// then the longer left part, then the longer right part, then the lower ids.
std::vector<PieceMerge> piece_merges(std::span<const std::string> tokens, std::span<const float> scores,
                                     const std::vector<bool>& takes_part);

}  // namespace outcrop::gguf
