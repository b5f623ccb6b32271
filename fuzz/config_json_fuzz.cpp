// A model's config.json from strangers: an accepted one can be laid out in memory, and means the same when it
// is written and read again.

#include "base/check.h"
#include "json/json.h"
#include "model/architecture.h"
#include "model/layout.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

using namespace outcrop;
using model::Architecture;
using model::DecoderConfig;

void lay_out(const DecoderConfig& config) {
  const model::ModelLayout layout = model::make_layout(config);
  std::int64_t at = 0;
  for (const model::Parameter& parameter : layout.parameters) {
    CHECK(parameter.offset == at, "parameters leave a hole or overlap");
    at += parameter.elements();
  }
  CHECK(at == layout.elements, "parameters end before the buffer does");
  for (const model::LayerConfig& layer : config.layers) {
    CHECK(layer.window >= 0, "a window below zero");
    CHECK(layer.rope >= 0 && static_cast<std::size_t>(layer.rope) < config.ropes.size(),
          "a layer without rope");
  }
}

void read_back(const Architecture& architecture, const DecoderConfig& config) {
  const Json json = architecture.to_config_json(config, "bfloat16");
  const auto found = model::find_architecture_of(json);
  CHECK(found.has_value() && *found == &architecture, "written as another architecture");
  const auto again = architecture.from_config_json(json);
  CHECK(again.has_value(), "written and refused");
  CHECK(*again == config, "written and read again it differs");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = Json::parse({reinterpret_cast<const char*>(data), size});
  if (!json) return 0;
  const auto architecture = model::find_architecture_of(*json);
  if (!architecture) return 0;
  const auto config = (*architecture)->from_config_json(*json);
  if (!config) {
    CHECK(!config.error().message.empty() && config.error().message.size() < 4000,
          "an error without a fit message");
    return 0;
  }
  lay_out(*config);
  read_back(**architecture, *config);
  return 0;
}
