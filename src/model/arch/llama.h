#pragma once

#include "model/architecture.h"

namespace outcrop::model::arch {

/// Llama and its look-alikes: SmolLM2, Llama 2 and 3.x.
const Architecture& llama() noexcept;

}  // namespace outcrop::model::arch
