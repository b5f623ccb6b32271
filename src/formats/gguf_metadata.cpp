#include "formats/gguf.h"

#include <limits>

namespace outcrop::formats {
namespace {

/// The value under `key` when it is a T.
template <class T, class Map>
const T* held(const Map& metadata, std::string_view key) noexcept {
  const auto it = metadata.find(key);
  return it == metadata.end() ? nullptr : std::get_if<T>(&it->second);
}

}  // namespace

std::optional<std::string> Gguf::text(std::string_view key) const {
  const auto* value = held<std::string>(metadata_, key);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

std::optional<std::int64_t> Gguf::integer(std::string_view key) const {
  if (const auto* value = held<std::int64_t>(metadata_, key)) return *value;
  const auto* value = held<std::uint64_t>(metadata_, key);
  if (value == nullptr || *value > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

std::optional<double> Gguf::number(std::string_view key) const {
  if (const auto* value = held<double>(metadata_, key)) return *value;
  if (const auto* value = held<std::int64_t>(metadata_, key)) return static_cast<double>(*value);
  if (const auto* value = held<std::uint64_t>(metadata_, key)) return static_cast<double>(*value);
  return std::nullopt;
}

std::optional<bool> Gguf::boolean(std::string_view key) const {
  const auto* value = held<bool>(metadata_, key);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

const std::vector<std::string>* Gguf::texts(std::string_view key) const {
  const auto* array = held<GgufArray>(metadata_, key);
  return array == nullptr ? nullptr : std::get_if<std::vector<std::string>>(&array->elements);
}

std::optional<std::vector<double>> Gguf::numbers(std::string_view key) const {
  const auto* array = held<GgufArray>(metadata_, key);
  if (array == nullptr) return std::nullopt;
  if (const auto* values = std::get_if<std::vector<double>>(&array->elements)) return *values;
  std::vector<double> widened;
  const auto widen = [&](const auto& values) {
    widened.reserve(values.size());
    for (const auto value : values) widened.push_back(static_cast<double>(value));
  };
  if (const auto* values = std::get_if<std::vector<std::int64_t>>(&array->elements)) {
    widen(*values);
  } else if (const auto* naturals = std::get_if<std::vector<std::uint64_t>>(&array->elements)) {
    widen(*naturals);
  } else {
    return std::nullopt;
  }
  return widened;
}

}  // namespace outcrop::formats
