// A kernel file compiled for one level must not hand the linker code under a name that another level, or
// the rest of the program, also uses: the linker would keep one copy, and the program would die on a
// processor without that level.

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace outcrop::kernels {
namespace {

std::vector<std::string> lines_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::vector<std::string> lines;
  std::string line;
  for (int c = pipe ? std::fgetc(pipe.get()) : EOF; c != EOF; c = std::fgetc(pipe.get())) {
    if (c != '\n') {
      line.push_back(static_cast<char>(c));
    } else {
      lines.push_back(std::exchange(line, {}));
    }
  }
  return lines;
}

/// T: code of one file; W: code of which the linker keeps one copy. Data is the same at every level.
bool is_code(const std::string& line) {
  return line.find(" T ") != std::string::npos || line.find(" W ") != std::string::npos;
}

TEST(IsaSymbols, EachExportedNameCarriesItsLevel) {
  const auto library = std::filesystem::path(OUTCROP_BINARY).parent_path() / "liboutcrop_kernels.a";
  if (!std::filesystem::exists(library)) GTEST_SKIP() << "no " << library;
  const auto lines = lines_of("nm -A -C --defined-only --extern-only '" + library.string() + "'");
  if (lines.empty()) GTEST_SKIP() << "nm is not installed";
  const std::array<std::string, 4> levels{"generic", "avx2", "avx512", "avx512bf16"};  // in Isa's order
  std::size_t checked = 0;
  for (const std::string& line : lines) {
    for (std::size_t level = 0; level < levels.size(); ++level) {
      if (line.find("_" + levels[level] + ".cpp.o:") == std::string::npos || !is_code(line)) continue;
      ++checked;
      EXPECT_NE(line.find("(outcrop::kernels::Isa)" + std::to_string(level)), std::string::npos) << line;
    }
  }
  EXPECT_GT(checked, 0U) << "no kernel file of any level in " << library;
}

}  // namespace
}  // namespace outcrop::kernels
