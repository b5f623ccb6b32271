#include "model/export_weights.h"

#include "base/thread_pool.h"
#include "model/arch/reading.h"

#include <algorithm>
#include <charconv>

namespace outcrop::model {
namespace {

constexpr std::int64_t kRowsPerTask = 16;
constexpr std::string_view kWeightSuffix = ".weight";

/// The adapter's matrices on a parameter; null when it has none.
const LoraMatrices* matrices_on(const LoraAdapter& adapter, std::string_view parameter) {
  const auto name = arch::split_layer_name(parameter);
  if (!name || !name->rest.ends_with(kWeightSuffix)) return nullptr;
  const std::string_view path = name->rest.substr(0, name->rest.size() - kWeightSuffix.size());
  std::int64_t layer = -1;
  std::from_chars(name->index.data(), name->index.data() + name->index.size(), layer);
  for (const Module module : kModules) {
    if (module_path(module) == path) return adapter.layout.find(layer, module);
  }
  return nullptr;
}

class MergedRows {
 public:
  explicit MergedRows(const LoadedModel& loaded) : model_(*loaded.model), adapter_(loaded.adapter.get()) {
    // Only the dtype that the file has: the other would convert the whole model.
    if (model_.dtype() == DType::bf16) {
      bfloats_ = model_.weights<bfloat16>();
    } else {
      floats_ = model_.weights<float>();
    }
  }

  void operator()(const Parameter& parameter, std::int64_t first, std::int64_t count,
                  std::span<float> out) const {
    const std::int64_t offset = parameter.offset + first * parameter.cols;
    const LoraMatrices* at = adapter_ == nullptr ? nullptr : matrices_on(*adapter_, parameter.name);
    parallel_for(count, kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
      const auto piece = out.subspan(static_cast<std::size_t>(begin * parameter.cols),
                                     static_cast<std::size_t>((end - begin) * parameter.cols));
      copy_base(offset + begin * parameter.cols, piece);
      if (at == nullptr) return;
      std::vector<float> delta(static_cast<std::size_t>(parameter.cols));
      for (std::int64_t row = begin; row < end; ++row) {
        add_delta(*at, first + row, delta, out.data() + row * parameter.cols);
      }
    });
  }

 private:
  void copy_base(std::int64_t offset, std::span<float> out) const {
    if (floats_.data != nullptr) {
      std::copy_n(floats_.data + offset, out.size(), out.data());
      return;
    }
    const bfloat16* from = bfloats_.data + offset;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(from[i]);
  }

  void add_delta(const LoraMatrices& at, std::int64_t row, std::vector<float>& delta, float* out) const {
    std::fill(delta.begin(), delta.end(), 0.0F);
    const float* b = adapter_->values.data() + at.b + row * at.rank;
    for (std::int64_t r = 0; r < at.rank; ++r) {
      const float* a = adapter_->values.data() + at.a + r * at.in;
      const float factor = b[r];
      for (std::int64_t i = 0; i < at.in; ++i) delta[static_cast<std::size_t>(i)] += factor * a[i];
    }
    const float scale = adapter_->config.scaling();
    for (std::int64_t i = 0; i < at.in; ++i) out[i] += scale * delta[static_cast<std::size_t>(i)];
  }

  const Model& model_;
  const LoraAdapter* adapter_;
  Weights<float> floats_;
  Weights<bfloat16> bfloats_;
};

}  // namespace

decltype(ForeignModel::read_rows) merged_rows(const LoadedModel& loaded) {
  return MergedRows(loaded);
}

}  // namespace outcrop::model
