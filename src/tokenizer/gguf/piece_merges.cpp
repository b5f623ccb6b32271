#include "tokenizer/gguf/piece_merges.h"

#include <algorithm>
#include <unordered_map>

namespace outcrop::gguf {

namespace {

/// A merge and what ranks it. Lengths are in bytes: parts of one piece sort alike by bytes and by characters.
struct Candidate {
  float score;
  std::uint32_t left_length;
  std::uint32_t right_length;
  PieceMerge merge;
};

bool starts_character(char byte) noexcept {
  return (static_cast<std::uint8_t>(byte) & 0xC0) != 0x80;
}

bool ranks_before(const Candidate& a, const Candidate& b) noexcept {
  if (a.score != b.score) return a.score > b.score;
  if (a.left_length != b.left_length) return a.left_length > b.left_length;
  if (a.right_length != b.right_length) return a.right_length > b.right_length;
  if (a.merge.left != b.merge.left) return a.merge.left < b.merge.left;
  return a.merge.right < b.merge.right;
}

}  // namespace

std::vector<PieceMerge> piece_merges(std::span<const std::string> tokens, std::span<const float> scores,
                                     const std::vector<bool>& takes_part) {
  std::unordered_map<std::string_view, std::uint32_t> ids;
  ids.reserve(tokens.size());
  for (std::uint32_t id = 0; id < tokens.size(); ++id) {
    if (takes_part[id]) ids.emplace(tokens[id], id);
  }
  std::vector<Candidate> candidates;
  candidates.reserve(tokens.size() * 2);
  for (std::uint32_t id = 0; id < tokens.size(); ++id) {
    if (!takes_part[id]) continue;
    const std::string_view piece = tokens[id];
    for (std::size_t cut = 1; cut < piece.size(); ++cut) {
      if (!starts_character(piece[cut])) continue;
      const auto left = ids.find(piece.substr(0, cut));
      if (left == ids.end()) continue;
      const auto right = ids.find(piece.substr(cut));
      if (right == ids.end()) continue;
      candidates.push_back({scores[id],
                            static_cast<std::uint32_t>(cut),
                            static_cast<std::uint32_t>(piece.size() - cut),
                            {left->second, right->second}});
    }
  }
  std::sort(candidates.begin(), candidates.end(), ranks_before);
  std::vector<PieceMerge> merges;
  merges.reserve(candidates.size());
  for (const Candidate& candidate : candidates) merges.push_back(candidate.merge);
  return merges;
}

}  // namespace outcrop::gguf
