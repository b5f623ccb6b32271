#pragma once
// What a training run needs in memory against what this process may have. Private to the service room.

#include "base/result.h"
#include "model/trainable.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace outcrop::service {

/// Bytes that this process may still take: the smallest of MemAvailable, what the control groups leave and what
/// RLIMIT_AS leaves; or OUTCROP_MEMORY_LIMIT (bytes) in place of all.
std::int64_t available_memory_bytes();

/// One run's needs, computed without allocating.
struct MemoryPlan {
  std::vector<std::pair<std::string, std::int64_t>> bytes;  ///< part, bytes
  std::int64_t total = 0;
};

struct MemoryNeeds {
  const model::DecoderConfig* config = nullptr;
  DType dtype = DType::bf16;
  model::LoraConfig lora;  ///< method lora
  bool full = false;
  std::int64_t row_tokens = 0;
  std::int64_t longest_tokens = 0;  ///< a row cannot be shorter
  std::int64_t data_tokens = 0;     ///< training and validation
};

MemoryPlan plan_memory(const MemoryNeeds& needs);

/// out_of_memory when the plan is above `available`: both numbers, and the changes that would fit.
Status check_memory(const MemoryNeeds& needs, const MemoryPlan& plan, std::int64_t available);

}  // namespace outcrop::service
