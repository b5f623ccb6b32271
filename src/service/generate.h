#pragma once
// Use cases that answer prompts: one conversation, or a file of records.

#include "base/files.h"
#include "base/result.h"
#include "infer/generator.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace outcrop::service {

/// Loads a model of the home, ready to generate.
Result<std::unique_ptr<infer::Generator>> load_generator(const Path& home, std::string_view model_id);

struct BatchRequest {
  Path home;
  std::string model;
  Path input;   ///< JSONL of any record format; a trailing answer is taken as the expected one
  Path output;  ///< JSONL: the records with the model's answers, in order
  infer::GenerationOptions generation;
  std::int64_t max_batch = 16;
};

struct BatchProgress {
  std::int64_t done = 0;
  std::int64_t records = 0;
  std::int64_t generated_tokens = 0;
  double tokens_per_second = 0.0;
  double seconds_left = 0.0;
};

struct BatchResult {
  std::int64_t records = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t generated_tokens = 0;
  std::int64_t truncated = 0;      ///< answers that hit max_tokens or the context limit
  std::int64_t exact_matches = 0;  ///< of those with an expected answer
  std::int64_t with_expected = 0;
  double seconds = 0.0;
};

/// The output appears whole or not at all. Cancelled when stop is requested.
Result<BatchResult> run_batch(const BatchRequest& request,
                              const std::function<void(const BatchProgress&)>& on_progress,
                              std::stop_token stop);

}  // namespace outcrop::service
