#pragma once
// The table of hyperparameters: name, default, range and meaning of each, and a checked reading of a list
// of settings against it. Private to the service room.

#include "service/customize.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::service {

struct HyperparameterSpec {
  enum class Kind : std::uint8_t { integer, number, choice, targets };
  std::string_view name;
  Kind kind;
  std::string_view default_value;  ///< "auto": chosen from model and data
  double low;                      ///< integer and number: the smallest value
  double high;
  std::string_view choices;  ///< choice: "a|b|c"
  std::string_view meaning;
  bool lora_only = false;
};

std::span<const HyperparameterSpec> hyperparameter_specs() noexcept;

/// Checked values by name; a name that was not given has its default.
class HyperparameterValues {
 public:
  /// Adds one line a broken rule to `problems`; such a value keeps its default.
  HyperparameterValues(const Hyperparameters& given, std::vector<std::string>& problems);

  bool is_given(std::string_view name) const;
  std::string_view text(std::string_view name) const;
  double number(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  /// Empty for "auto".
  std::optional<double> number_or_auto(std::string_view name) const;
  std::optional<std::int64_t> integer_or_auto(std::string_view name) const;

 private:
  std::map<std::string, std::string, std::less<>> given_;
};

}  // namespace outcrop::service
