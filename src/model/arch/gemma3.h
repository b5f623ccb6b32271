#pragma once

#include "model/architecture.h"

namespace outcrop::model::arch {

/// Gemma 3, text only.
const Architecture& gemma3() noexcept;

}  // namespace outcrop::model::arch
