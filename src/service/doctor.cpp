#include "service/doctor.h"

#include "base/text.h"
#include "base/thread_pool.h"
#include "kernels/gemm_info.h"
#include "kernels/isa.h"
#include "model/library.h"
#include "service/customize_memory.h"
#include "service/doctor_measure.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

namespace outcrop::service {
namespace {

std::string compiler_name() {
#if defined(__clang__)
  return fmt::format("clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#elif defined(__GNUC__)
  return fmt::format("gcc {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#else
  return "unknown compiler";
#endif
}

std::string build_name() {
#if defined(__OPTIMIZE__)
  std::string name = "optimised";
#else
  std::string name = "not optimised";
#endif
#if !defined(NDEBUG)
  name += ", with debug checks";
#endif
#if defined(__SANITIZE_ADDRESS__)
  name += ", address sanitizer";
#endif
#if defined(__SANITIZE_THREAD__)
  name += ", thread sanitizer";
#endif
  return name;
}

std::vector<std::string> cpu_features() {
  std::vector<std::string> features;
#if defined(__x86_64__)
  // The built-in takes only literals.
  if (__builtin_cpu_supports("avx2")) features.emplace_back("avx2");
  if (__builtin_cpu_supports("fma")) features.emplace_back("fma");
  if (__builtin_cpu_supports("avx512f")) features.emplace_back("avx512f");
  if (__builtin_cpu_supports("avx512bw")) features.emplace_back("avx512bw");
  if (__builtin_cpu_supports("avx512dq")) features.emplace_back("avx512dq");
  if (__builtin_cpu_supports("avx512vl")) features.emplace_back("avx512vl");
  if (__builtin_cpu_supports("avx512vnni")) features.emplace_back("avx512vnni");
  if (__builtin_cpu_supports("avx512bf16")) features.emplace_back("avx512bf16");
#endif
  return features;
}

/// The number after `key` in a file of the kernel, such as "MemTotal:  24689012 kB". Nothing when there is
/// none.
std::optional<std::int64_t> number_after(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + key.size());
  text.remove_prefix(std::min(text.find_first_not_of(" \t:"), text.size()));
  std::int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc{} ? std::optional(number) : std::nullopt;
}

/// A file of /proc or /sys: those have no size, so read_file() would find them empty. Empty when there is none.
std::string read_kernel_file(const Path& path) {
  std::string text;
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return text;
  char chunk[4096];
  while (const std::size_t got = std::fread(chunk, 1, sizeof chunk, file)) text.append(chunk, got);
  (void)std::fclose(file);
  return text;
}

std::string cpu_name() {
  const std::string text = read_kernel_file("/proc/cpuinfo");
  constexpr std::string_view key = "model name";
  const std::size_t at = text.find(key);
  if (at == std::string::npos) return "unknown processor";
  const std::size_t begin = text.find_first_not_of(" \t:", at + key.size());
  return text.substr(begin, text.find('\n', begin) - begin);
}

/// The process's control-group file (version 2, then version 1 of its name), as seen inside a container.
std::optional<std::int64_t> control_group_bytes(const char* v2, const char* v1) {
  for (const Path& path : {Path("/sys/fs/cgroup") / v2, Path("/sys/fs/cgroup/memory") / v1}) {
    // "max" is no number: no limit.
    if (const auto bytes = number_after(read_kernel_file(path), "")) return bytes;
  }
  return std::nullopt;
}

void read_memory(MachineReport& machine) {
  const std::string text = read_kernel_file("/proc/meminfo");
  machine.memory_total_bytes = number_after(text, "MemTotal").value_or(0) * 1024;
  const auto limit = control_group_bytes("memory.max", "memory.limit_in_bytes");
  if (limit) machine.memory_total_bytes = std::min(*limit, machine.memory_total_bytes);
  machine.memory_available_bytes = std::min(available_memory_bytes(), machine.memory_total_bytes);
}

MachineReport examine_machine(const DoctorOptions& options) {
  MachineReport machine;
  machine.cpu = cpu_name();
  machine.cpus = std::thread::hardware_concurrency();
  machine.threads = compute_pool().size();
  machine.native_bfloat16 = kernels::gemm_has_native_bfloat16();
  read_memory(machine);
  if (options.measure) {
    machine.bfloat16_gflops = measure_bfloat16_gflops();
    machine.float_gflops = measure_float_gflops();
    machine.memory_gb_per_second = measure_memory_gb_per_second();
  }
  return machine;
}

/// The folder itself or the nearest one above it that exists.
Path nearest_existing(Path path) {
  std::error_code error;
  while (!std::filesystem::exists(path, error) && path.has_relative_path()) path = path.parent_path();
  return path;
}

std::int64_t bytes_of_folder(const Path& folder) {
  std::int64_t bytes = 0;
  std::error_code error;
  for (auto entry = std::filesystem::recursive_directory_iterator(folder, error);
       entry != std::filesystem::recursive_directory_iterator(); entry.increment(error)) {
    if (error) break;
    if (entry->is_regular_file(error)) bytes += static_cast<std::int64_t>(entry->file_size(error));
  }
  return bytes;
}

void examine_models(HomeReport& home) {
  auto library = model::Library::open(home.path);
  if (!library) {
    home.problems.push_back(std::move(library).error().message);
    return;
  }
  auto found = library->contents();
  if (!found) {
    home.problems.push_back(std::move(found).error().message);
    return;
  }
  for (const auto& [id, reason] : found->unreadable) {
    home.problems.push_back(fmt::format("model '{}' cannot be read: {}", id, reason));
  }
  home.models = static_cast<std::int64_t>(found->models.size());
  for (const model::ModelInfo& info : found->models) {
    home.model_bytes += bytes_of_folder(library->folder_of(info.id));
    if (info.kind != model::ModelKind::custom || library->info(info.base)) continue;
    if (info.method == "lora") {
      home.problems.push_back(
          fmt::format("model '{}' needs its base '{}', which is not there", info.id, info.base));
    }
  }
}

HomeReport examine_home(const Path& path) {
  HomeReport home;
  std::error_code error;
  home.path = std::filesystem::absolute(path, error);
  home.exists = std::filesystem::is_directory(home.path, error);
  const Path nearest = nearest_existing(home.path);
  home.writable = std::filesystem::is_directory(nearest, error) && access(nearest.c_str(), W_OK | X_OK) == 0;
  const auto space = std::filesystem::space(nearest, error);
  if (!error) home.free_disk_bytes = static_cast<std::int64_t>(space.available);
  // Opening the library makes its folder, and looking should leave nothing behind.
  if (home.exists && std::filesystem::is_directory(home.path / "models", error)) examine_models(home);
  return home;
}

using Advices = std::vector<Advice>;

void advise_processor(const DoctorReport& report, Advices& out) {
  using enum Advice::Level;
  const BuildInfo& build = report.build;
  if (build.isa != build.best_isa) {
    out.push_back({slow,
                   fmt::format("OUTCROP_ISA holds the kernels at {}; this processor can do {}", build.isa,
                               build.best_isa),
                   "unset OUTCROP_ISA"});
  }
  if (build.best_isa == "generic") {
    out.push_back(
        {slow, "no AVX2: norms, attention and losses run several times slower than they could",
         "any x86-64 processor since 2015 has it; a virtual machine may need its CPU type set to 'host'"});
  } else if (build.best_isa == "avx2") {
    out.push_back({slow, "no AVX-512: products in bfloat16 and float take about twice as long",
                   "a server processor since 2019 (Xeon) or 2022 (EPYC) has it"});
  }
  if (!report.machine.native_bfloat16) {
    out.push_back(
        {slow,
         "no bfloat16 instructions (avx512_bf16 or AMX): bfloat16 products are computed in float, at about "
         "half the speed",
         "results are the same; a processor with avx512_bf16 (Zen 4, Cooper Lake, Sapphire Rapids) doubles "
         "training speed"});
  }
  if (report.machine.threads < report.machine.cpus) {
    out.push_back({slow,
                   fmt::format("{} of {} processors are used", report.machine.threads, report.machine.cpus),
                   "unset OUTCROP_THREADS or widen the process's CPU affinity, if that was not meant"});
  }
  if (build.build.find("optimised") != 0 || build.build.find("sanitizer") != std::string::npos) {
    out.push_back({slow, fmt::format("this build is {}", build.build), "build with: cmake --preset release"});
  }
}

void advise_room(const DoctorReport& report, Advices& out) {
  using enum Advice::Level;
  const MachineReport& machine = report.machine;
  // LoRA on the smallest supported models peaks near 1.2 GB.
  if (machine.memory_available_bytes < 1'500'000'000) {
    out.push_back({slow,
                   fmt::format("{} of memory is free: fine-tuning needs 1.2 GB even for a 135M model",
                               format_bytes(static_cast<std::uint64_t>(machine.memory_available_bytes))),
                   "end other programs, or see `outcrop customize --plan` for what a run needs"});
  }
  const HomeReport& home = report.home;
  if (!home.writable) {
    out.push_back({broken, fmt::format("the home '{}' cannot be written", home.path.string()),
                   "give another one with --home or OUTCROP_HOME"});
  } else if (home.free_disk_bytes < 2'000'000'000) {
    out.push_back({slow,
                   fmt::format("{} is free on the disk of the home",
                               format_bytes(static_cast<std::uint64_t>(home.free_disk_bytes))),
                   "a full fine-tuning run of a 135M model keeps about 3 GB of checkpoints"});
  }
  for (const std::string& problem : home.problems) {
    out.push_back({broken, problem, "remove it with `outcrop model remove`, or import what is missing"});
  }
  if (home.models == 0 && home.problems.empty()) {
    out.push_back(
        {good, "no model is installed yet", "outcrop model import FILE.gguf --id PROVIDER.NAME-v1:0"});
  }
}

}  // namespace

bool DoctorReport::broken() const noexcept {
  return std::any_of(advice.begin(), advice.end(),
                     [](const Advice& a) { return a.level == Advice::Level::broken; });
}

BuildInfo build_info() {
  return {.version = std::string(kVersion),
          .build = build_name(),
          .compiler = compiler_name(),
          .gemm_library = std::string(kernels::gemm_library_version()),
          .isa = std::string(kernels::to_string(kernels::selected_isa())),
          .best_isa = std::string(kernels::to_string(kernels::best_isa())),
          .cpu_features = cpu_features()};
}

DoctorReport examine(const Path& home, const DoctorOptions& options) {
  DoctorReport report;
  report.build = build_info();
  report.machine = examine_machine(options);
  report.home = examine_home(home);
  advise_processor(report, report.advice);
  advise_room(report, report.advice);
  return report;
}

}  // namespace outcrop::service
