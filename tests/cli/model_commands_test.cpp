// outcrop model on a whole little model, through the program.

#include "cli/program.h"
#include "json/json.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outcrop::cli {
namespace {

/// A Hugging Face folder of a tiny llama in F32.
Path write_source(const Path& folder) {
  const Path golden = Path(OUTCROP_TEST_DATA) / "golden";
  const Path source = folder / "source";
  std::filesystem::copy(golden / "model" / "llama", source);
  std::filesystem::copy_file(golden / "tokenizer" / "tiny_tokenizer.json", source / "tokenizer.json");
  return source;
}

TEST(ModelImport, StoresTheTypeThatWasAskedFor) {
  const Workplace place;
  const std::string source = write_source(place.folder()).string();
  for (const auto& [option, stored] : {std::pair{"f32", "F32"}, std::pair{"bf16", "BF16"}}) {
    const Said said =
        place.run({"--json", "model", "import", source, "--id", "a.b-v1:0", "--dtype", option, "--replace"});
    ASSERT_EQ(said.status, 0) << said.err;
    const auto shown = Json::parse(place.run({"--json", "model", "show", "a.b-v1:0"}).out);
    ASSERT_TRUE(shown);
    EXPECT_EQ((*shown)["dtype"].as_string(), stored);
  }
}

}  // namespace
}  // namespace outcrop::cli
