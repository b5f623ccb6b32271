#pragma once
// What this build is and what this machine can do for it: for --version and `outcrop doctor`.

#include "base/files.h"
#include "base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::service {

/// The project's version, as in CMakeLists.txt.
inline constexpr std::string_view kVersion = "0.1.0";

struct BuildInfo {
  std::string version;
  std::string build;         ///< "optimised" or "with debug checks"; sanitizers named
  std::string compiler;      ///< "gcc 12.2.0"
  std::string gemm_library;  ///< "oneDNN 2.6.3"
  std::string isa;           ///< the level in use: "avx512bf16"
  std::string best_isa;      ///< the processor's best level that this build has kernels for
  std::vector<std::string> cpu_features;
};
BuildInfo build_info();

struct MachineReport {
  std::string cpu;                          ///< the processor's own name
  std::int64_t cpus = 0;                    ///< logical processors
  std::int64_t threads = 0;                 ///< that Outcrop computes with
  std::int64_t memory_total_bytes = 0;      ///< a control group's limit where that is lower
  std::int64_t memory_available_bytes = 0;  ///< that this process may still take, all limits considered
  bool native_bfloat16 = false;             ///< matrix products
  double bfloat16_gflops = 0.0;             ///< measured, all threads; 0 when not measured
  double float_gflops = 0.0;
  double memory_gb_per_second = 0.0;  ///< reading, all threads
};

struct HomeReport {
  Path path;
  bool exists = false;
  bool writable = false;  ///< or can be made
  std::int64_t free_disk_bytes = 0;
  std::int64_t models = 0;
  std::int64_t model_bytes = 0;       ///< of all model folders
  std::vector<std::string> problems;  ///< models that cannot be read, folders left behind
};

/// One thing that a person should know, and what to do about it.
struct Advice {
  enum class Level : std::uint8_t { good, slow, broken };
  Level level = Level::good;
  std::string finding;
  std::string remedy;  ///< empty when there is nothing to do
};

struct DoctorReport {
  BuildInfo build;
  MachineReport machine;
  HomeReport home;
  std::vector<Advice> advice;

  bool broken() const noexcept;  ///< whether any advice is Level::broken
};

struct DoctorOptions {
  bool measure = true;  ///< about a second of computing
};

/// Never fails: what cannot be found out is reported as advice.
DoctorReport examine(const Path& home, const DoctorOptions& options);

}  // namespace outcrop::service
