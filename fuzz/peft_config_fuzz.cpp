// adapter_config.json from strangers: an accepted one has numbers to compute with, and means the same when it
// is written and read again.

#include "base/check.h"
#include "formats/peft.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

using namespace outcrop;
using formats::PeftConfig;

void check_sane(const PeftConfig& config) {
  CHECK(config.rank >= 1 && std::isfinite(config.scaling()) && config.scaling() != 0.0, "no scaling");
  CHECK(config.dropout >= 0.0 && config.dropout < 1.0, "a dropout that is no probability");
  for (const auto& [module, rank] : config.rank_pattern) CHECK(rank >= 1, "a rank below one");
  for (const auto& [module, alpha] : config.alpha_pattern)
    CHECK(std::isfinite(alpha), "an alpha without value");
  for (const std::int64_t layer : config.layers_to_transform) CHECK(layer >= 0, "a layer below zero");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = formats::parse_peft_config(text, "adapter_config.json");
  if (!config) {
    CHECK(config.error().message.starts_with("adapter_config.json: "), "an error that does not name the file");
    CHECK(config.error().message.size() < 2000, "an error as long as the file");
    return 0;
  }
  check_sane(*config);
  const auto again = formats::parse_peft_config(formats::render_peft_config(*config), "again");
  CHECK(again.has_value() && *again == *config, "written and read again it differs");
  return 0;
}
