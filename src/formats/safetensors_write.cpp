#include "formats/safetensors.h"
#include "formats/sizes.h"
#include "json/json.h"

#include <fmt/format.h>

namespace outcrop::formats {
namespace {

Json shape_json(const std::vector<std::int64_t>& shape) {
  Json json = Json::array();
  for (const std::int64_t size : shape) json.push_back(size);
  return json;
}

struct Header {
  std::string text;
  std::uint64_t data_bytes = 0;
};

Result<Header> build_header(const Path& path, const std::vector<SafetensorsWriter::Declaration>& tensors,
                            const std::map<std::string, std::string>& metadata) {
  Json json = Json::object();
  Json about = Json::object();
  for (const auto& [key, text] : metadata) about.set(key, text);
  if (!about.contains("format")) about.set("format", "pt");
  json.set("__metadata__", std::move(about));
  Header header;
  for (const auto& tensor : tensors) {
    const auto bytes = bytes_of(tensor.shape, size_of(tensor.dtype));
    if (!bytes || *bytes > std::uint64_t{1} << 62 || header.data_bytes > std::uint64_t{1} << 62) {
      return fail(Code::invalid_argument,
                  fmt::format("{}: tensor '{}' is too large", path.string(), tensor.name));
    }
    if (tensor.name.empty() || json.contains(tensor.name)) {
      return fail(Code::invalid_argument, fmt::format("{}: tensor name '{}' is empty, reserved or used twice",
                                                      path.string(), tensor.name));
    }
    Json entry = Json::object();
    entry.set("dtype", to_string(tensor.dtype));
    entry.set("shape", shape_json(tensor.shape));
    entry.set("data_offsets", Json::array({header.data_bytes, header.data_bytes + *bytes}));
    json.set(tensor.name, std::move(entry));
    header.data_bytes += *bytes;
  }
  header.text = json.dump();
  // Padded so that the data starts at a multiple of 8, which every dtype's alignment divides.
  header.text.append((8 - header.text.size() % 8) % 8, ' ');
  return header;
}

}  // namespace

Result<SafetensorsWriter> SafetensorsWriter::create(const Path& path, std::vector<Declaration> tensors,
                                                    std::map<std::string, std::string> metadata) {
  OUTCROP_TRY(const Header header, build_header(path, tensors, metadata));
  OUTCROP_TRY(AtomicFile file, AtomicFile::create(path));
  const std::uint64_t length = header.text.size();
  OUTCROP_CHECK_OK(file.write(std::as_bytes(std::span(&length, 1))));
  OUTCROP_CHECK_OK(file.write(header.text));
  const std::uint64_t expected = file.size() + header.data_bytes;
  return SafetensorsWriter(std::move(file), expected);
}

Status SafetensorsWriter::write(std::span<const std::byte> bytes) {
  if (bytes.size() > expected_ - file_.size()) {
    return fail(Code::invalid_argument, fmt::format("safetensors: {} bytes more than the declared tensors hold",
                                                    bytes.size() - (expected_ - file_.size())));
  }
  return file_.write(bytes);
}

Status SafetensorsWriter::finish() {
  if (file_.size() != expected_) {
    return fail(Code::invalid_argument,
                fmt::format("safetensors: {} bytes of the declared tensors were not written",
                            expected_ - file_.size()));
  }
  return file_.commit();
}

}  // namespace outcrop::formats
