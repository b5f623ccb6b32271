#include "service/doctor.h"

#include "service/tiny_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outcrop::service {
namespace {

using testing::HasSubstr;

TEST(BuildInfo, IsTheProjectsVersion) {
  const Path lists = Path(OUTCROP_TEST_DATA).parent_path() / "CMakeLists.txt";
  EXPECT_THAT(read_file(lists).value_or(""),
              HasSubstr("project(outcrop VERSION " + build_info().version + " "));
}

TEST(BuildInfo, NamesLibraryCompilerAndLevels) {
  const BuildInfo build = build_info();
  EXPECT_THAT(build.gemm_library, HasSubstr("oneDNN"));
  EXPECT_THAT(build.compiler, testing::ContainsRegex("(gcc|clang) [0-9]+"));
  EXPECT_THAT(build.isa, testing::AnyOf("generic", "avx2", "avx512", "avx512bf16"));
}

TEST(Doctor, FindsTheMachine) {
  const DoctorReport report = examine("/nonexistent/home", {.measure = false});
  EXPECT_GT(report.machine.memory_total_bytes, 100'000'000);
  EXPECT_LE(report.machine.memory_available_bytes, report.machine.memory_total_bytes);
  EXPECT_GE(report.machine.cpus, 1);
  EXPECT_GE(report.machine.threads, 1);
  EXPECT_EQ(report.machine.bfloat16_gflops, 0.0);
}

TEST(Doctor, AHomeThatCannotBeMadeIsBroken) {
  // A file stands where a folder would have to be.
  const DoctorReport report = examine(Path(OUTCROP_TEST_DATA) / "CMakeLists.txt" / "home", {.measure = false});
  EXPECT_FALSE(report.home.exists);
  EXPECT_FALSE(report.home.writable);
  EXPECT_TRUE(report.broken());
}

TEST(Doctor, CountsModelsAndTheirBytes) {
  const TinyHome tiny;
  const DoctorReport report = examine(tiny.home(), {.measure = false});
  EXPECT_EQ(report.home.models, 1);
  // Two layers of width 32 and 421 embeddings are some 30,000 floats.
  EXPECT_GT(report.home.model_bytes, 90'000);
  EXPECT_TRUE(report.home.exists);
  EXPECT_TRUE(report.home.writable);
  EXPECT_FALSE(report.broken());
}

TEST(Doctor, LooksWithoutMakingAnything) {
  std::string name = (std::filesystem::temp_directory_path() / "outcrop-doctor-XXXXXX").string();
  const Path folder = mkdtemp(name.data());
  const DoctorReport report = examine(folder / "home", {.measure = false});
  EXPECT_TRUE(report.home.writable);
  EXPECT_FALSE(std::filesystem::exists(folder / "home"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace outcrop::service
