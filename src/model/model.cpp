#include "model/model.h"

#include "base/check.h"
#include "base/thread_pool.h"
#include "formats/safetensors.h"
#include "model/model_folder.h"
#include "model/text_side.h"

#include <mutex>
#include <type_traits>

#include <fmt/format.h>

namespace outcrop::model {
namespace {

constexpr std::int64_t kElementsPerTask = std::int64_t{1} << 16;

template <class T>
constexpr DType dtype_of() noexcept {
  return std::is_same_v<T, float> ? DType::f32 : DType::bf16;
}

template <class To, class From>
std::shared_ptr<const std::vector<To>> converted(const From* from, std::int64_t count) {
  auto values = std::make_shared<std::vector<To>>(static_cast<std::size_t>(count));
  parallel_for(count, kElementsPerTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      (*values)[static_cast<std::size_t>(i)] = static_cast<To>(from[i]);
    }
  });
  return values;
}

}  // namespace

/// The other dtype's copy, made at the first call and kept as long as somebody uses it.
struct Model::Converted {
  std::mutex mutex;
  std::weak_ptr<const std::vector<float>> floats;
  std::weak_ptr<const std::vector<bfloat16>> bfloats;
};

Model::Model(DecoderConfig config, DType dtype, std::shared_ptr<const void> owner, const void* data,
             std::unique_ptr<const TextSide> text, Path folder)
    : config_(std::move(config)),
      layout_(make_layout(config_)),
      dtype_(dtype),
      owner_(std::move(owner)),
      data_(data),
      text_(std::move(text)),
      folder_(std::move(folder)),
      converted_(std::make_unique<Converted>()) {
  CHECK(dtype_ == DType::f32 || dtype_ == DType::bf16, "weights are F32 or BF16");
}

Model::~Model() = default;

std::shared_ptr<const Model> Model::from_weights(DecoderConfig config, std::vector<float> values) {
  auto buffer = std::make_shared<const std::vector<float>>(std::move(values));
  const void* data = buffer->data();
  const std::size_t count = buffer->size();
  auto model =
      std::make_shared<const Model>(std::move(config), DType::f32, std::move(buffer), data, nullptr, Path());
  CHECK(static_cast<std::int64_t>(count) == model->layout().elements, "from_weights: wrong number of values");
  return model;
}

Result<std::shared_ptr<const Model>> Model::open(const Path& folder) {
  OUTCROP_TRY(DecoderConfig config, read_model_config(folder));
  OUTCROP_TRY(FlatFile weights, map_weights(folder / kWeightsFile, make_layout(config)));
  OUTCROP_TRY(std::unique_ptr<const TextSide> text, open_text_side(folder, config));
  auto model = std::make_shared<Model>(std::move(config), weights.dtype, weights.owner, weights.data,
                                       std::move(text), folder);
  model->file_ = std::move(weights.owner);
  return model;
}

void Model::drop_resident_weights() const noexcept {
  if (file_) file_->drop_resident_pages();
}

template <class T>
Weights<T> Model::weights() const {
  if (dtype_ == dtype_of<T>()) return {static_cast<const T*>(data_), owner_};
  std::lock_guard lock(converted_->mutex);
  std::shared_ptr<const std::vector<T>> copy;
  if constexpr (std::is_same_v<T, float>) {
    copy = converted_->floats.lock();
    if (!copy) copy = converted<float>(static_cast<const bfloat16*>(data_), layout_.elements);
    converted_->floats = copy;
  } else {
    copy = converted_->bfloats.lock();
    if (!copy) copy = converted<bfloat16>(static_cast<const float*>(data_), layout_.elements);
    converted_->bfloats = copy;
  }
  const T* data = copy->data();
  return {data, std::move(copy)};
}

template Weights<float> Model::weights() const;
template Weights<bfloat16> Model::weights() const;

}  // namespace outcrop::model
