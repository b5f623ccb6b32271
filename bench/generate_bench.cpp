// generate_bench prefill|decode MODEL [REPEATS]: tokens a second of one sequence. prefill: a prompt of 512
// tokens; decode: 128 tokens one after the other behind an 8-token prompt. MODEL is an imported model's folder.
// The token ids are arbitrary, as speed does not depend on them.

#include "base/random.h"
#include "model/decoder.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

using namespace outcrop;
using namespace outcrop::model;

constexpr std::int64_t kPrefill = 512;
constexpr std::int64_t kDecode = 128;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Seconds of `count` tokens in calls of `piece`.
double time_tokens(Decoder& decoder, KvCache& cache, const std::vector<TokenId>& tokens, std::size_t piece) {
  std::vector<float> logits(static_cast<std::size_t>(decoder.model().config().vocab_size));
  const Matrix<float> row(logits.data(), 1, static_cast<std::int64_t>(logits.size()));
  const double start = now();
  for (std::size_t at = 0; at < tokens.size(); at += piece) {
    const DecoderInput input{&cache, std::span(tokens).subspan(at, piece)};
    decoder.forward({&input, 1}, row);
  }
  return now() - start;
}

int run(Decoder& decoder, bool prefill, int repeats) {
  Random random(3);
  std::vector<TokenId> tokens(prefill ? kPrefill : kDecode);
  for (TokenId& id : tokens) id = static_cast<TokenId>(random.below(static_cast<std::uint32_t>(40000)));
  const auto cache = decoder.new_cache(kPrefill + 16);
  std::vector<double> times;
  for (int i = 0; i <= repeats; ++i) {
    cache->truncate(0);
    if (!prefill) time_tokens(decoder, *cache, std::vector<TokenId>(8, 5), 8);
    times.push_back(time_tokens(decoder, *cache, tokens, prefill ? tokens.size() : 1));
  }
  times.erase(times.begin());  // warm-up
  std::nth_element(times.begin(), times.begin() + repeats / 2, times.end());
  const double seconds = times[static_cast<std::size_t>(repeats) / 2];
  std::printf("%s tokens/s %.1f\n", prefill ? "prefill" : "decode",
              static_cast<double>(tokens.size()) / seconds);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const bool prefill = argc > 1 && std::strcmp(argv[1], "prefill") == 0;
  if (argc < 3 || (!prefill && std::strcmp(argv[1], "decode") != 0)) {
    std::fprintf(stderr, "usage: generate_bench prefill|decode MODEL [REPEATS]\n");
    return 2;
  }
  auto model = Model::open(argv[2]);
  if (!model) {
    std::fprintf(stderr, "generate_bench: %s\n", model.error().message.c_str());
    return 1;
  }
  const auto decoder = make_decoder(*std::move(model), nullptr);
  return run(*decoder, prefill, argc > 3 ? std::max(1, std::atoi(argv[3])) : 5);
}
