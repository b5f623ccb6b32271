#pragma once
// The data of a customize run: reads and encodes both files, gathers the findings of both before anything
// else happens, and looks for what a person would want to know about them. Private to the service room.

#include "base/files.h"
#include "base/result.h"
#include "data/packing.h"
#include "model/model.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace outcrop::service {

struct CustomizeData {
  data::EncodedExamples training;
  std::optional<data::EncodedExamples> validation;
  std::string training_sha256;  ///< of the file's bytes
  std::int64_t longest_tokens = 0;
  std::vector<std::string> notes;  ///< dropped records, records in both files, doubled records
};

/// The findings of both files in one error; unsupported when the model has no chat template. Token ids are as
/// the tokenizer gives them: see check_vocabulary.
Result<CustomizeData> load_customize_data(const Path& train, const std::optional<Path>& validation,
                                          const model::TextSide& text, const data::EncodeOptions& options);

/// A tokenizer may know tokens that the model has no row for (Gemma's, for pictures). invalid_argument names
/// each record that has one, up to 100.
Status check_vocabulary(const data::EncodedExamples& examples, const Path& file, const Tokenizer& tokenizer,
                        std::int64_t vocab_size);

}  // namespace outcrop::service
