#pragma once
// Tokenizer, chat template and stop ids of a model folder. Callers: Model::open and the import, which
// proves with it that what it wrote can be used.

#include "base/files.h"
#include "base/result.h"
#include "json/json.h"
#include "model/config.h"
#include "model/model.h"

#include <memory>
#include <vector>

namespace outcrop::model {

/// tokenizer.json is required; tokenizer_config.json, generation_config.json and chat_template.jinja (or
/// the tokenizer_config's chat_template) are used when there.
Result<std::unique_ptr<const TextSide>> open_text_side(const Path& folder, const DecoderConfig& config);

/// The text of a special token in tokenizer_config.json: a string, or an object with "content". Empty: none.
std::string special_token(const Json& tokenizer_config, std::string_view key);

/// The template of tokenizer_config.json: a string, or the one called "default" (else the first) of a list.
std::string template_of(const Json& tokenizer_config);

/// The ids of an "eos_token_id" member: a number or a list of numbers.
std::vector<TokenId> token_ids(const Json& value);

/// Every id that ends an answer, ascending: of the configurations, and the special tokens that are known
/// to end a text or a turn.
std::vector<TokenId> collect_stop_ids(const Tokenizer& tokenizer, const DecoderConfig& config,
                                      const Json& generation_config, const Json& tokenizer_config);

}  // namespace outcrop::model
