#include "formats/gguf_names.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include <fmt/format.h>

namespace outcrop::formats {
namespace {

struct Row {
  GgufType type;
  std::string_view name;
  GgufBlock block;
};

constexpr std::array<Row, 11> kTypes{{{GgufType::f32, "F32", {1, 4}},
                                      {GgufType::f16, "F16", {1, 2}},
                                      {GgufType::bf16, "BF16", {1, 2}},
                                      {GgufType::q4_0, "Q4_0", {32, 18}},
                                      {GgufType::q4_1, "Q4_1", {32, 20}},
                                      {GgufType::q5_0, "Q5_0", {32, 22}},
                                      {GgufType::q5_1, "Q5_1", {32, 24}},
                                      {GgufType::q8_0, "Q8_0", {32, 34}},
                                      {GgufType::q4_k, "Q4_K", {256, 144}},
                                      {GgufType::q5_k, "Q5_K", {256, 176}},
                                      {GgufType::q6_k, "Q6_K", {256, 210}}}};

struct Other {
  std::uint32_t number;
  std::string_view name;
};

// Types of other files, so that an error can name them.
constexpr std::array<Other, 22> kOthers{
    {{9, "Q8_1"},     {10, "Q2_K"},  {11, "Q3_K"},   {15, "Q8_K"},  {16, "IQ2_XXS"}, {17, "IQ2_XS"},
     {18, "IQ3_XXS"}, {19, "IQ1_S"}, {20, "IQ4_NL"}, {21, "IQ3_S"}, {22, "IQ2_S"},   {23, "IQ4_XS"},
     {24, "I8"},      {25, "I16"},   {26, "I32"},    {27, "I64"},   {28, "F64"},     {29, "IQ1_M"},
     {34, "TQ1_0"},   {35, "TQ2_0"}, {39, "MXFP4"},  {40, "NVFP4"}}};

const Row& row_of(GgufType type) noexcept {
  const auto* it = std::find_if(kTypes.begin(), kTypes.end(), [&](const Row& row) { return row.type == type; });
  return it == kTypes.end() ? kTypes.front() : *it;
}

}  // namespace

std::string_view to_string(GgufType type) noexcept {
  return row_of(type).name;
}

GgufBlock block_of(GgufType type) noexcept {
  return row_of(type).block;
}

std::optional<GgufType> gguf_type_from_number(std::uint32_t number) noexcept {
  for (const Row& row : kTypes) {
    if (static_cast<std::uint32_t>(row.type) == number) return row.type;
  }
  return std::nullopt;
}

std::string gguf_type_label(std::uint32_t number) {
  for (const Other& other : kOthers) {
    if (other.number == number) return fmt::format("{} ({})", number, other.name);
  }
  return fmt::to_string(number);
}

std::string known_gguf_types() {
  std::string names;
  for (const Row& row : kTypes) {
    if (!names.empty()) names += ", ";
    names += row.name;
  }
  return names;
}

}  // namespace outcrop::formats
