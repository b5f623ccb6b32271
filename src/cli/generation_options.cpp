#include "cli/generation_options.h"

#include <CLI/CLI.hpp>

namespace outcrop::cli {

void add_generation_options(CLI::App& command, infer::GenerationOptions& options) {
  constexpr const char* kGroup = "Answers";
  infer::SamplingOptions& sampling = options.sampling;
  command.add_option("--max-tokens", options.max_tokens, "New tokens at most (default: 512)")->group(kGroup);
  command.add_option("--temperature", sampling.temperature, "0 takes the likeliest token (default: 0)")
      ->group(kGroup);
  command.add_option("--top-p", sampling.top_p, "Draw from the likeliest tokens of this mass (1: all)")
      ->group(kGroup);
  command.add_option("--top-k", sampling.top_k, "Draw from the k likeliest tokens (0: all)")->group(kGroup);
  command
      .add_option("--min-p", sampling.min_p, "Leave out tokens this much rarer than the likeliest (0: none)")
      ->group(kGroup);
  command.add_option("--repetition-penalty", sampling.repetition_penalty, "Above 1: repeat less (1: off)")
      ->group(kGroup);
  command.add_option("--seed", sampling.seed, "Same seed, same text (default: 0)")->group(kGroup);
  command
      .add_option("--stop", options.stop,
                  "Text that ends an answer and is left out; may be given several times")
      ->allow_extra_args(false)
      ->type_name("TEXT")
      ->group(kGroup);
}

}  // namespace outcrop::cli
