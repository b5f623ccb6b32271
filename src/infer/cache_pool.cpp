#include "infer/cache_pool.h"

#include <algorithm>

namespace outcrop::infer {
namespace {

std::int64_t common_prefix(std::span<const TokenId> a, std::span<const TokenId> b) noexcept {
  return std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
}

}  // namespace

std::unique_ptr<model::KvCache> CachePool::take(const model::Decoder& decoder, std::span<const TokenId> prompt,
                                                std::int64_t capacity, PrefixReuse reuse) {
  std::int64_t best = -1;
  auto chosen = spares_.end();
  for (auto spare = spares_.begin(); spare != spares_.end(); ++spare) {
    if (spare->cache->capacity() < capacity) continue;
    const std::int64_t shared = reuse == PrefixReuse::no
                                    ? 0
                                    : std::min({common_prefix(spare->tokens, prompt), spare->cache->length(),
                                                static_cast<std::int64_t>(prompt.size()) - 1});
    if (shared > best) {
      best = shared;
      chosen = spare;
    }
  }
  if (chosen == spares_.end()) return decoder.new_cache(capacity);
  std::unique_ptr<model::KvCache> cache = std::move(chosen->cache);
  spares_.erase(chosen);
  cache->truncate(best);
  return cache;
}

void CachePool::give_back(std::unique_ptr<model::KvCache> cache, std::vector<TokenId> tokens,
                          std::size_t keep) {
  spares_.push_back({std::move(cache), std::move(tokens)});
  if (spares_.size() > keep) spares_.erase(spares_.begin());
}

}  // namespace outcrop::infer
