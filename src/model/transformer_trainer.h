#pragma once
// The Trainable of a decoder-only transformer, computing in T. Private to the room: see make_trainable.

#include "base/page_buffer.h"
#include "model/block.h"
#include "model/loss_head.h"
#include "model/rope_table.h"
#include "model/trainable.h"

#include <memory>
#include <string>
#include <vector>

namespace outcrop::model {

template <class T>
class TransformerTrainer final : public Trainable {
 public:
  static Result<std::unique_ptr<Trainable>> create(std::shared_ptr<const Model> model,
                                                   TrainableOptions options);

  RowLoss forward_backward(const PackedRow& row, float scale, std::uint64_t dropout_seed) override;
  RowLoss evaluate(const PackedRow& row) override;
  std::span<float> parameters() noexcept override { return masters_; }
  std::span<float> gradients() noexcept override { return gradients_; }
  const std::vector<TrainableTensor>& tensors() const noexcept override { return tensors_; }
  void parameters_changed() override;
  LoraAdapter adapter() const override;

 private:
  TransformerTrainer(std::shared_ptr<const Model> model, TrainableOptions options);
  Status allocate_parameters();
  void build(Arena& arena, const T* weights);
  void name_tensors();
  RowContext begin_row(const PackedRow& row);
  RowContext at_layer(RowContext row, std::int64_t layer) const;
  Matrix<T> run_blocks(const PackedRow& row, const RowContext& context, bool keep);

  std::shared_ptr<const Model> model_;
  TrainableOptions options_;
  LoraLayout lora_layout_;
  Weights<T> frozen_;  // mapped weights, LoRA runs
  PageBuffer<float> master_memory_;
  PageBuffer<float> gradient_memory_;
  PageBuffer<T> compute_memory_;  // compute copies of full fine-tuning in bfloat16
  std::span<float> masters_;
  std::span<float> gradients_;
  const T* weights_ = nullptr;  // what the blocks read
  std::vector<TrainableTensor> tensors_;

  Arena arena_;
  std::vector<Block<T>> blocks_;
  std::vector<BlockActivations<T>> saved_;
  BlockScratch<T> scratch_;
  LossHead<T> head_;
  T* last_ = nullptr;      // [T, D] output of the last block
  T* gradient_ = nullptr;  // [T, D]
  std::vector<RopeTables> ropes_;
  std::vector<std::int32_t> positions_;
};

}  // namespace outcrop::model
