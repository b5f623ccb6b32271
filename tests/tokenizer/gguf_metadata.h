#pragma once
// Just enough of GGUF to hand a real vocabulary to this room's tests, which may not use the formats room.
// The file is a trusted test input.

#include "tokenizer/gguf_vocabulary.h"

#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::test {

class GgufMetadata {
 public:
  explicit GgufMetadata(std::string_view file) : rest_(file) {
    rest_.remove_prefix(16);  // magic, version, tensor count
    for (auto count = take<std::uint64_t>(); count > 0; --count) {
      const std::string key = take_string();
      read(key, take<std::uint32_t>());
    }
  }

  GgufVocabulary vocabulary() {
    GgufVocabulary v;
    v.model = text["tokenizer.ggml.model"];
    v.pre = text["tokenizer.ggml.pre"];
    v.tokens = texts["tokenizer.ggml.tokens"];
    v.merges = texts["tokenizer.ggml.merges"];
    for (const double type : numbers["tokenizer.ggml.token_type"])
      v.types.push_back(static_cast<std::int32_t>(type));
    for (const double score : numbers["tokenizer.ggml.scores"]) v.scores.push_back(static_cast<float>(score));
    v.bos = id("tokenizer.ggml.bos_token_id");
    v.eos = id("tokenizer.ggml.eos_token_id");
    v.unknown = id("tokenizer.ggml.unknown_token_id");
    v.add_bos = number["tokenizer.ggml.add_bos_token"] != 0;
    v.add_space_prefix = number.contains("tokenizer.ggml.add_space_prefix")
                             ? number["tokenizer.ggml.add_space_prefix"] != 0
                             : true;
    return v;
  }

  std::map<std::string, std::string> text;
  std::map<std::string, double> number;
  std::map<std::string, std::vector<std::string>> texts;
  std::map<std::string, std::vector<double>> numbers;

 private:
  enum : std::uint32_t { kString = 8, kArray = 9 };

  std::optional<std::int32_t> id(const std::string& key) {
    if (!number.contains(key)) return std::nullopt;
    return static_cast<std::int32_t>(number[key]);
  }

  template <class T>
  T take() {
    T value{};
    std::memcpy(&value, rest_.data(), sizeof(T));
    rest_.remove_prefix(sizeof(T));
    return value;
  }

  std::string take_string() {
    const auto size = take<std::uint64_t>();
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return value;
  }

  double take_number(std::uint32_t type) {
    switch (type) {
      case 0:
      case 7:
        return take<std::uint8_t>();
      case 1:
        return take<std::int8_t>();
      case 2:
        return take<std::uint16_t>();
      case 3:
        return take<std::int16_t>();
      case 4:
        return take<std::uint32_t>();
      case 5:
        return take<std::int32_t>();
      case 6:
        return static_cast<double>(take<float>());
      case 10:
        return static_cast<double>(take<std::uint64_t>());
      case 11:
        return static_cast<double>(take<std::int64_t>());
      default:
        return take<double>();
    }
  }

  void read(const std::string& key, std::uint32_t type) {
    if (type == kString) {
      text[key] = take_string();
    } else if (type == kArray) {
      const auto element = take<std::uint32_t>();
      for (auto count = take<std::uint64_t>(); count > 0; --count) {
        if (element == kString) {
          texts[key].push_back(take_string());
        } else {
          numbers[key].push_back(take_number(element));
        }
      }
    } else {
      number[key] = take_number(type);
    }
  }

  std::string_view rest_;
};

}  // namespace outcrop::test
