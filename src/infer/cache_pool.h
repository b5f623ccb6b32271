#pragma once
// Used key-value caches, kept for the next sequence: their pages are already there, and a conversation's next
// turn finds its beginning computed. Private to the room.

#include "model/decoder.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace outcrop::infer {

enum class PrefixReuse : std::uint8_t { no, yes };

/// Not thread-safe.
class CachePool {
 public:
  /// A cache for at least `capacity` tokens, new or used. With PrefixReuse::yes it may already hold a beginning
  /// of `prompt`, never all of it: the last token has to run, for its logits.
  std::unique_ptr<model::KvCache> take(const model::Decoder& decoder, std::span<const TokenId> prompt,
                                       std::int64_t capacity, PrefixReuse reuse);
  /// `tokens`: what the cache was fed, and perhaps more. The oldest goes when more than `keep` are there.
  void give_back(std::unique_ptr<model::KvCache> cache, std::vector<TokenId> tokens, std::size_t keep);
  void clear() { spares_.clear(); }

 private:
  struct Spare {
    std::unique_ptr<model::KvCache> cache;
    std::vector<TokenId> tokens;
  };
  std::vector<Spare> spares_;
};

}  // namespace outcrop::infer
