#include "model/lora_group.h"

namespace outcrop::model {
namespace {

struct Slot {
  Module module;
  std::int64_t out_begin;
};

std::vector<Slot> slots_of(Group group, const DecoderConfig& c) {
  switch (group) {
    case Group::qkv:
      return {{Module::q, 0}, {Module::k, c.query_width()}, {Module::v, c.query_width() + c.kv_width()}};
    case Group::o:
      return {{Module::o, 0}};
    case Group::gate_up:
      return {{Module::gate, 0}, {Module::up, c.ffn_width}};
    case Group::down:
      return {{Module::down, 0}};
  }
  return {};
}

}  // namespace

LoraGroup make_lora_group(Group group, std::int64_t layer, const LoraLayout& layout,
                          const DecoderConfig& config) {
  LoraGroup result;
  for (const Slot& slot : slots_of(group, config)) {
    const LoraMatrices* m = layout.find(layer, slot.module);
    if (m == nullptr) continue;
    result.members.push_back({.rank = m->rank,
                              .rank_begin = result.rank,
                              .out = m->out,
                              .out_begin = slot.out_begin,
                              .a = m->a,
                              .b = m->b});
    result.rank += m->rank;
  }
  return result;
}

}  // namespace outcrop::model
