#pragma once
// The options of chat and run that say how answers are generated.

#include "service/generate.h"

namespace CLI {
class App;
}

namespace outcrop::cli {

/// Binds to `options`, which has to outlive the parse.
void add_generation_options(CLI::App& command, infer::GenerationOptions& options);

}  // namespace outcrop::cli
