// GGUF files from strangers: what is accepted lies inside the file, unpacks, and describes a model or says why
// not.

#include "base/check.h"
#include "formats/gguf.h"
#include "model/architecture.h"
#include "model/layout.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

namespace {

using namespace outcrop;
using formats::Gguf;
using formats::GgufTensor;

constexpr std::int64_t kMostElements = 4096;

void unpack(const GgufTensor& tensor) {
  const formats::GgufBlock block = formats::block_of(tensor.type);
  const std::int64_t blocks = tensor.elements() / block.elements;
  CHECK(blocks * block.elements == tensor.elements(), "a tensor ends inside a block");
  CHECK(static_cast<std::size_t>(blocks * block.bytes) == tensor.bytes.size(), "shape and bytes disagree");
  // Both ends: an overrun would show there.
  const std::int64_t count = std::min(blocks, kMostElements / block.elements) * block.elements;
  std::vector<float> values(static_cast<std::size_t>(count));
  formats::dequantize(tensor, 0, values);
  formats::dequantize(tensor, tensor.elements() - count, values);
}

void read_metadata(const Gguf& file) {
  for (const auto& [key, value] : file.metadata()) {
    const bool scalar = !std::holds_alternative<formats::GgufArray>(value);
    const bool read_as_scalar = file.text(key) || file.number(key) || file.boolean(key);
    const bool read_as_array = file.texts(key) != nullptr || file.numbers(key);
    CHECK(scalar ? read_as_scalar && !read_as_array : !read_as_scalar, "a value is read as another kind");
    CHECK(!file.integer(key) || file.number(key), "an integer is no number");
  }
}

void describe_model(const Gguf& file) {
  const auto name = file.text("general.architecture");
  if (!name) return;
  const auto architecture = model::find_architecture(*name);
  if (!architecture) return;
  const auto config = (*architecture)->from_gguf(file);
  if (!config) {
    CHECK(!config.error().message.empty(), "an error without a message");
    return;
  }
  const model::ModelLayout layout = model::make_layout(*config);
  for (const model::Parameter& parameter : layout.parameters) {
    CHECK(parameter.offset >= 0 && parameter.elements() > 0, "a parameter outside the layout");
    CHECK(!(*architecture)->gguf_mapping(parameter.name, *config).gguf_name.empty(),
          "a parameter without a home");
  }
  CHECK(!(*architecture)->to_gguf(*config).empty(), "a model without metadata");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto image = std::as_bytes(std::span(data, size));
  const auto file = Gguf::parse(image, "fuzzed.gguf");
  if (!file) {
    CHECK(!file.error().message.empty() && file.error().message.size() < 2000,
          "an error without a fit message");
    return 0;
  }
  for (const GgufTensor& tensor : file->tensors()) {
    CHECK(file->find(tensor.name) == &tensor, "a tensor is not found by its name");
    unpack(tensor);
  }
  read_metadata(*file);
  describe_model(*file);
  return 0;
}
