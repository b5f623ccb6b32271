// safetensors files from strangers: what is accepted must cover the data exactly, and all of it can be read.
//
// An input that begins with '{' is a header up to its first zero byte and the data behind it; its length is put
// in front, so that mutations of the header are not lost on it. Any other input is a file as it stands.

#include "base/check.h"
#include "formats/safetensors.h"
#include "tensor/dtype.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <span>
#include <string>
#include <string_view>

namespace {

using namespace outcrop;
using formats::Safetensors;
using formats::TensorEntry;

std::string file_image(std::string_view input) {
  if (!input.starts_with('{')) return std::string(input);
  const std::size_t end = std::min(input.find('\0'), input.size());
  const std::uint64_t length = end;
  std::string image(sizeof length, '\0');
  std::memcpy(image.data(), &length, sizeof length);
  image += input.substr(0, end);
  if (end < input.size()) image += input.substr(end + 1);
  return image;
}

/// Reads every byte, for the address sanitizer to see.
unsigned sum_of(std::span<const std::byte> bytes) {
  return std::accumulate(bytes.begin(), bytes.end(), 0U,
                         [](unsigned sum, std::byte byte) { return sum + std::to_integer<unsigned>(byte); });
}

void use(const Safetensors& file, std::span<const std::byte> image) {
  const std::byte* at = nullptr;
  [[maybe_unused]] volatile unsigned sum = 0;
  for (const TensorEntry& tensor : file.tensors()) {
    CHECK(file.find(tensor.name) == &tensor, "a tensor is not found by its name");
    CHECK(static_cast<std::size_t>(tensor.elements()) * size_of(tensor.dtype) == tensor.bytes.size(),
          "shape and bytes disagree");
    CHECK(at == nullptr || at == tensor.bytes.data(), "tensors leave a hole or overlap");
    at = tensor.bytes.data() + tensor.bytes.size();
    sum = sum + sum_of(tensor.bytes);
  }
  CHECK(at == nullptr || at == image.data() + image.size(), "tensors end before the file does");
  CHECK(file.find("no such tensor, one hopes") == nullptr || !file.tensors().empty(), "found in an empty file");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text = file_image({reinterpret_cast<const char*>(data), size});
  const auto image = std::as_bytes(std::span(text));
  const auto file = Safetensors::parse(image, "fuzzed.safetensors");
  if (file) {
    use(*file, image);
  } else {
    CHECK(file.error().message.starts_with("fuzzed.safetensors: "), "an error that does not name the file");
    CHECK(file.error().message.size() < 2000, "an error as long as the file");
  }
  return 0;
}
