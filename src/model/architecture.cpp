#include "model/architecture.h"

#include "model/arch/gemma3.h"
#include "model/arch/llama.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace outcrop::model {
namespace {

std::string known_names() {
  std::string names;
  for (const Architecture& architecture : architectures()) {
    if (!names.empty()) names += ", ";
    names += architecture.name;
  }
  return names;
}

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::span<const Architecture> architectures() noexcept {
  static const std::array<Architecture, 2> kRows{arch::llama(), arch::gemma3()};
  return kRows;
}

Result<const Architecture*> find_architecture(std::string_view name) {
  for (const Architecture& architecture : architectures()) {
    if (architecture.name == name) return &architecture;
  }
  return fail(Code::unsupported,
              fmt::format("architecture '{}' is not supported; known: {}", name, known_names()));
}

Result<const Architecture*> find_architecture_of(const Json& config_json) {
  const Json& type = config_json["model_type"];
  const Json& name = config_json["architectures"][std::size_t{0}];
  if (!type.is_string() && !name.is_string()) {
    return fail(Code::invalid_argument, "config.json has neither 'model_type' nor 'architectures'");
  }
  for (const Architecture& architecture : architectures()) {
    if (type.is_string() ? contains(architecture.model_types, *type.as_string())
                         : contains(architecture.class_names, *name.as_string())) {
      return &architecture;
    }
  }
  return find_architecture(type.is_string() ? *type.as_string() : *name.as_string());
}

}  // namespace outcrop::model
