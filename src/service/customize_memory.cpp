#include "service/customize_memory.h"

#include "base/files.h"
#include "base/text.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

namespace outcrop::service {
namespace {

/// Program, tokenizer, thread stacks and the GEMM library's own buffers: measured, rounded up.
constexpr std::int64_t kProgramBytes = 96 << 20;

std::optional<std::int64_t> leading_number(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  return value;
}

/// The number after `key` at the start of a line.
std::optional<std::int64_t> field(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    if (text.starts_with(key)) return leading_number(text.substr(key.size()));
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return std::nullopt;
}

std::string read_small(const Path& path) {
  // Files of /proc and /sys give their size as zero: read to the end instead.
  std::string text;
  if (std::FILE* file = std::fopen(path.c_str(), "re")) {
    char buffer[4096];
    while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, file)) text.append(buffer, got);
    std::fclose(file);
  }
  return text;
}

/// What a version 2 control group leaves; its page cache can be reclaimed and does not count.
std::int64_t group_headroom(const Path& group) {
  const auto limit = leading_number(read_small(group / "memory.max"));  // "max" is no number: no limit
  const auto used = leading_number(read_small(group / "memory.current"));
  if (!limit || !used) return std::numeric_limits<std::int64_t>::max();
  const std::int64_t cache = field(read_small(group / "memory.stat"), "inactive_file").value_or(0);
  return std::max<std::int64_t>(*limit - *used + cache, 0);
}

std::int64_t control_group_headroom() {
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  const std::string groups = read_small("/proc/self/cgroup");
  const std::size_t at = groups.find("0::/");
  const Path root = "/sys/fs/cgroup";
  Path group = root;
  if (at != std::string::npos) group /= groups.substr(at + 4, groups.find('\n', at) - at - 4);
  while (true) {
    least = std::min(least, group_headroom(group));
    if (group == root || !group.has_parent_path() || group.native().size() <= root.native().size()) break;
    group = group.parent_path();
  }
  const auto limit = leading_number(read_small(root / "memory/memory.limit_in_bytes"));
  const auto used = leading_number(read_small(root / "memory/memory.usage_in_bytes"));
  if (limit && used) least = std::min(least, std::max<std::int64_t>(*limit - *used, 0));
  return least;
}

/// What RLIMIT_AS (ulimit -v) leaves of the address space: mapped weights count there, so it is the hardest
/// limit.
std::int64_t address_space_headroom() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return std::numeric_limits<std::int64_t>::max();
  }
  const std::int64_t used =
      leading_number(read_small("/proc/self/statm")).value_or(0) * ::sysconf(_SC_PAGESIZE);
  return std::max<std::int64_t>(static_cast<std::int64_t>(limit.rlim_cur) - used, 0);
}

model::TrainableOptions trainable_options(const MemoryNeeds& needs) {
  model::TrainableOptions options;
  options.train_full = needs.full;
  options.max_row_tokens = needs.row_tokens;
  // Only shapes are planned: the adapter's values stay empty.
  if (!needs.full) {
    options.lora = model::LoraAdapter{needs.lora, model::make_lora_layout(needs.lora, *needs.config), {}};
  }
  return options;
}

std::string human(std::int64_t bytes) {
  return format_bytes(static_cast<std::uint64_t>(std::max<std::int64_t>(bytes, 0)));
}

}  // namespace

std::int64_t available_memory_bytes() {
  if (const char* text = std::getenv("OUTCROP_MEMORY_LIMIT")) {
    if (const auto limit = leading_number(text)) return *limit;
  }
  const std::int64_t machine = field(read_small("/proc/meminfo"), "MemAvailable:")
                                   .value_or(std::numeric_limits<std::int64_t>::max() / 1024) *
                               1024;
  return std::min({machine, control_group_headroom(), address_space_headroom()});
}

MemoryPlan plan_memory(const MemoryNeeds& needs) {
  const model::TrainableMemory memory =
      model::plan_trainable(*needs.config, needs.dtype, trainable_options(needs));
  MemoryPlan plan;
  plan.bytes = {{"weights", memory.weights},
                {"trained parameters", memory.masters},
                {"gradients", memory.gradients},
                {"optimizer moments", 2 * memory.masters},
                {"activations", memory.activations},
                {"workspace", memory.workspace},
                {"data", needs.data_tokens * static_cast<std::int64_t>(sizeof(TokenId) + sizeof(std::int32_t))},
                {"program", kProgramBytes}};
  for (const auto& [part, bytes] : plan.bytes) plan.total += bytes;
  return plan;
}

Status check_memory(const MemoryNeeds& needs, const MemoryPlan& plan, std::int64_t available) {
  if (plan.total <= available) return {};
  std::vector<std::string> fixes;
  const auto consider = [&](MemoryNeeds changed, std::string_view what) {
    const std::int64_t total = plan_memory(changed).total;
    if (total <= available) fixes.push_back(fmt::format("{} needs {}", what, human(total)));
  };
  MemoryNeeds shorter = needs;
  shorter.row_tokens = std::max<std::int64_t>(needs.longest_tokens, 8);
  if (shorter.row_tokens < needs.row_tokens) consider(shorter, fmt::format("rowTokens={}", shorter.row_tokens));
  if (needs.full) {
    MemoryNeeds adapter = needs;
    adapter.full = false;
    consider(adapter, "method lora");
    adapter.row_tokens = shorter.row_tokens;
    if (fixes.empty()) consider(adapter, fmt::format("method lora with rowTokens={}", adapter.row_tokens));
  }
  MemoryNeeds halved = shorter;
  halved.row_tokens = std::max<std::int64_t>(shorter.row_tokens / 2, 8);
  if (fixes.empty()) {
    consider(halved,
             fmt::format("maxSequenceLength={0} with tooLong=drop and rowTokens={0}", halved.row_tokens));
  }
  const std::string advice =
      fixes.empty() ? "free memory, or take a smaller base model" : fmt::format("{}", fmt::join(fixes, "; "));
  return fail(Code::out_of_memory,
              fmt::format("this run needs {} of memory ({} bytes), {} are available ({} bytes): {}",
                          human(plan.total), plan.total, human(available), available, advice));
}

}  // namespace outcrop::service
