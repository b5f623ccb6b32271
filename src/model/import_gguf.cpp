#include "model/import_gguf.h"

#include "base/thread_pool.h"
#include "model/gguf_tokenizer.h"
#include "model/head_rows.h"
#include "model/problems.h"

#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace outcrop::model {
namespace {

using formats::Gguf;
using formats::GgufTensor;

constexpr std::int64_t kRowsPerTask = 16;
/// Read elsewhere: see arch/rope_reading.cpp.
constexpr std::string_view kRopeFactors = "rope_freqs.weight";

/// One parameter's home in the file.
struct Home {
  const GgufTensor* tensor;
  GgufMapping mapping;
};

class Reader {
 public:
  Reader(std::shared_ptr<const Gguf> file, std::int64_t head_width, std::map<std::string, Home> homes)
      : file_(std::move(file)), head_width_(head_width), homes_(std::move(homes)) {}

  void operator()(const Parameter& parameter, std::int64_t first, std::int64_t count,
                  std::span<float> out) const {
    const Home& home = homes_.at(parameter.name);
    const std::int64_t cols = parameter.cols;
    if (home.mapping.permute_heads > 0) {
      parallel_for(count, kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
          formats::dequantize(
              *home.tensor, gguf_row(first + row, head_width_) * cols,
              out.subspan(static_cast<std::size_t>(row * cols), static_cast<std::size_t>(cols)));
        }
      });
    } else {
      formats::dequantize(*home.tensor, first * cols, out);
    }
    if (home.mapping.add == 0.0F) return;
    for (float& value : out) value -= home.mapping.add;
  }

 private:
  std::shared_ptr<const Gguf> file_;
  std::int64_t head_width_;
  std::map<std::string, Home> homes_;
};

std::vector<std::int64_t> shape_of(const Parameter& parameter) {
  if (parameter.is_vector) return {parameter.cols};
  return {parameter.rows, parameter.cols};
}

void check_tensor(const GgufTensor& tensor, const Parameter& parameter, Problems& problems) {
  if (tensor.shape != shape_of(parameter)) {
    problems.add(fmt::format("tensor '{}' has shape [{}], the configuration asks for [{}]", tensor.name,
                             fmt::join(tensor.shape, ", "), fmt::join(shape_of(parameter), ", ")));
    return;
  }
  const std::int64_t block = formats::block_of(tensor.type).elements;
  if (parameter.cols % block != 0) {
    problems.add(fmt::format("tensor '{}' has rows of {}, {} needs multiples of {}", tensor.name,
                             parameter.cols, to_string(tensor.type), block));
  }
}

Result<std::map<std::string, Home>> find_homes(const Gguf& file, const Architecture& architecture,
                                               const DecoderConfig& config, const ModelLayout& layout) {
  Problems problems;
  std::map<std::string, Home> homes;
  std::set<std::string_view> used{kRopeFactors};
  for (const Parameter& parameter : layout.parameters) {
    GgufMapping mapping = architecture.gguf_mapping(parameter.name, config);
    const GgufTensor* tensor = file.find(mapping.gguf_name);
    if (tensor == nullptr) {
      problems.add(
          fmt::format("tensor '{}' [{}] is missing", mapping.gguf_name, fmt::join(shape_of(parameter), ", ")));
      continue;
    }
    used.insert(tensor->name);
    check_tensor(*tensor, parameter, problems);
    homes.emplace(parameter.name, Home{tensor, std::move(mapping)});
  }
  for (const GgufTensor& tensor : file.tensors()) {
    if (!used.contains(tensor.name)) {
      problems.add(fmt::format("tensor '{}' is not part of a {} model", tensor.name, architecture.name));
    }
  }
  if (!problems.empty()) return problems.as_error(Code::corrupt_data, "tensors");
  return homes;
}

Result<ForeignModel> open_checked(const Path& path) {
  OUTCROP_TRY(Gguf opened, Gguf::open(path));
  auto file = std::make_shared<const Gguf>(std::move(opened));
  const auto name = file->text("general.architecture");
  if (!name) return fail(Code::corrupt_data, "metadata 'general.architecture' is missing");
  if (file->text("general.type").value_or("model") != "model") {
    return fail(Code::unsupported,
                fmt::format("holds a GGUF {}, not a model", file->text("general.type").value_or("")));
  }
  OUTCROP_TRY(const Architecture* architecture, find_architecture(*name));
  OUTCROP_TRY(DecoderConfig config, architecture->from_gguf(*file));
  OUTCROP_TRY(ForeignModel model, open_gguf_weights(file, *architecture, std::move(config)));
  OUTCROP_TRY(model.text, gguf_text_files(*file, model.config));
  model.gguf_tokenizer = gguf_tokenizer_keys(*file);
  model.weight_files = {path};
  return model;
}

}  // namespace

Result<ForeignModel> open_gguf_weights(std::shared_ptr<const Gguf> file, const Architecture& architecture,
                                       DecoderConfig config) {
  ForeignModel model;
  model.architecture = &architecture;
  model.config = std::move(config);
  model.layout = make_layout(model.config);
  model.format = "gguf";
  OUTCROP_TRY(auto homes, find_homes(*file, architecture, model.config, model.layout));
  model.read_rows = Reader(std::move(file), model.config.head_width, std::move(homes));
  return model;
}

Result<ForeignModel> open_gguf_model(const Path& path) {
  Result<ForeignModel> model = open_checked(path);
  if (!model) return forward_error(model, path.filename().string());
  return model;
}

}  // namespace outcrop::model
