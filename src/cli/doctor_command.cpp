// outcrop doctor and outcrop version: what this machine and this build can do.

#include "base/text.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/terminal.h"
#include "service/doctor.h"

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace outcrop::cli {
namespace {

constexpr const char* kFooter =
    R"(Measures for about a second; needs nothing and changes nothing. Exit status 1 when something is broken.

Examples:
  outcrop doctor
  outcrop doctor --no-measure --json)";

std::string bytes(std::int64_t count) {
  return format_bytes(static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0)));
}

std::string_view to_string(service::Advice::Level level) {
  switch (level) {
    case service::Advice::Level::good:
      return "note";
    case service::Advice::Level::slow:
      return "slow";
    case service::Advice::Level::broken:
      return "broken";
  }
  return "note";
}

Json strings(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) list.push_back(text);
  return list;
}

Json to_json(const service::BuildInfo& build) {
  return Json::object({{"version", build.version},
                       {"build", build.build},
                       {"compiler", build.compiler},
                       {"gemm_library", build.gemm_library},
                       {"isa", build.isa},
                       {"best_isa", build.best_isa},
                       {"cpu_features", strings(build.cpu_features)}});
}

Json to_json(const service::DoctorReport& report) {
  const service::MachineReport& machine = report.machine;
  Json advice = Json::array();
  for (const service::Advice& item : report.advice) {
    advice.push_back(
        Json::object({{"level", to_string(item.level)}, {"finding", item.finding}, {"remedy", item.remedy}}));
  }
  return Json::object({{"build", to_json(report.build)},
                       {"machine", Json::object({{"cpu", machine.cpu},
                                                 {"cpus", machine.cpus},
                                                 {"threads", machine.threads},
                                                 {"memory_total_bytes", machine.memory_total_bytes},
                                                 {"memory_available_bytes", machine.memory_available_bytes},
                                                 {"native_bfloat16", machine.native_bfloat16},
                                                 {"bfloat16_gflops", machine.bfloat16_gflops},
                                                 {"float_gflops", machine.float_gflops},
                                                 {"memory_gb_per_second", machine.memory_gb_per_second}})},
                       {"home", Json::object({{"path", report.home.path.string()},
                                              {"exists", report.home.exists},
                                              {"writable", report.home.writable},
                                              {"free_disk_bytes", report.home.free_disk_bytes},
                                              {"models", report.home.models},
                                              {"model_bytes", report.home.model_bytes}})},
                       {"advice", std::move(advice)},
                       {"broken", report.broken()}});
}

void print_report(const service::DoctorReport& report, bool measured) {
  const auto& [build, machine, home, advice] = report;
  std::vector<std::pair<std::string, std::string>> fields{
      {"outcrop", fmt::format("{}, {}, {}", build.version, build.build, build.compiler)},
      {"processor", fmt::format("{}, {} logical, {} used", machine.cpu, machine.cpus, machine.threads)},
      {"kernels", build.isa == build.best_isa
                      ? build.isa
                      : fmt::format("{} (this processor can do {})", build.isa, build.best_isa)},
      {"products", fmt::format("{}, bfloat16 {}", build.gemm_library,
                               machine.native_bfloat16 ? "native" : "through float")},
      {"memory",
       fmt::format("{} free of {}", bytes(machine.memory_available_bytes), bytes(machine.memory_total_bytes))},
      {"home", fmt::format("{}{}, {} free on its disk", home.path.string(),
                           home.exists ? "" : " (not made yet)", bytes(home.free_disk_bytes))},
      {"models", fmt::format("{}, {}", home.models, bytes(home.model_bytes))}};
  if (measured) {
    fields.insert(
        fields.begin() + 5,
        {"measured", fmt::format("{:.0f} GFLOP/s in bfloat16, {:.0f} in float, {:.1f} GB/s from memory",
                                 machine.bfloat16_gflops, machine.float_gflops, machine.memory_gb_per_second)});
  }
  print(render_fields(fields));
  print(advice.empty() ? "\nnothing to complain about\n" : "\n");
  for (const service::Advice& item : advice) {
    print(fmt::format("{}: {}\n", to_string(item.level), item.finding));
    if (!item.remedy.empty()) print(fmt::format("  {}\n", item.remedy));
  }
}

Status examine(Invocation& invocation, bool measure) {
  const service::DoctorReport report = service::examine(invocation.home(), {.measure = measure});
  if (invocation.globals.json) {
    print_json_document(to_json(report));
  } else {
    print_report(report, measure);
  }
  if (report.broken()) invocation.exit_status = kFailure;
  return {};
}

}  // namespace

std::string version_text() {
  const service::BuildInfo build = service::build_info();
  return fmt::format("outcrop {} ({}, {})\n{}\nkernels {}\nprocessor {}", build.version, build.build,
                     build.compiler, build.gemm_library, build.isa, fmt::join(build.cpu_features, " "));
}

void print_version(bool json) {
  if (json) {
    print_json_document(to_json(service::build_info()));
  } else {
    print(version_text() + "\n");
  }
}

void add_doctor_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command =
      app.add_subcommand("doctor", "Say what this machine can do, and what would be slow and why")
          ->group("This machine");
  command->footer(kFooter);
  auto skip = std::make_shared<bool>(false);
  command->add_flag("--no-measure", *skip, "Do not measure speed");
  command->callback(
      [skip, &invocation] { invocation.action = [skip, &invocation] { return examine(invocation, !*skip); }; });
}

void add_version_command(CLI::App& app, Invocation& invocation) {
  CLI::App* command =
      app.add_subcommand("version", "Print version, build and processor features")->group("This machine");
  command->footer("Examples:\n  outcrop version\n  outcrop version --json");
  command->callback([&invocation] {
    invocation.action = [&invocation]() -> Status {
      print_version(invocation.globals.json);
      return {};
    };
  });
}

}  // namespace outcrop::cli
