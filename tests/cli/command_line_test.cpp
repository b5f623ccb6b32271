// The command line as a whole, through the program itself.

#include "cli/program.h"
#include "json/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outcrop::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

Json parsed(const std::string& text) {
  auto json = Json::parse(text);
  EXPECT_TRUE(json) << text;
  return json ? *std::move(json) : Json();
}

TEST(CommandLine, HelpShowsTheCommandsByTaskAndTheExitCodes) {
  const Said said = Workplace().run({"--help"});
  EXPECT_EQ(said.status, 0);
  EXPECT_THAT(said.out, AllOf(HasSubstr("Models:"), HasSubstr("Customize:"), HasSubstr("Use a model:"),
                              HasSubstr("outcrop customize --base"), HasSubstr("Exit status:")));
  EXPECT_THAT(said.err, IsEmpty());
}

TEST(CommandLine, EveryCommandsHelpHasExamples) {
  const std::vector<std::vector<std::string>> commands{
      {"model", "import"}, {"model", "list"}, {"model", "show"}, {"model", "export"}, {"model", "remove"},
      {"customize"},       {"chat"},          {"run"},           {"doctor"},          {"completion"}};
  for (std::vector<std::string> command : commands) {
    command.emplace_back("--help");
    const Said said = Workplace().run(command);
    EXPECT_EQ(said.status, 0) << command.front();
    EXPECT_THAT(said.out, HasSubstr("Example")) << command.front();
  }
}

TEST(CommandLine, NothingAskedIsAUsageError) {
  const Said said = Workplace().run({});
  EXPECT_EQ(said.status, 2);
  EXPECT_THAT(said.err, HasSubstr("Usage: outcrop"));
  EXPECT_THAT(said.out, IsEmpty());
}

TEST(CommandLine, MistypedNamesAreNamedWithTheNearest) {
  const Workplace place;
  EXPECT_THAT(place.run({"chatt", "x"}).err, HasSubstr("did you mean 'chat'?"));
  EXPECT_THAT(place.run({"model", "lst"}).err, HasSubstr("did you mean 'list'?"));
  const Said said = place.run({"chat", "m", "--temprature", "1"});
  EXPECT_THAT(said.err, AllOf(StartsWith("outcrop: error: "), HasSubstr("'--temprature'"),
                              HasSubstr("did you mean '--temperature'?"), HasSubstr("outcrop chat --help")));
  EXPECT_EQ(said.status, 2);
}

TEST(CommandLine, WrongArgumentsAreUsageErrors) {
  const Workplace place;
  const std::vector<std::vector<std::string>> wrong{
      {"model"},
      {"model", "import", "x.gguf"},
      {"model", "import", "x.gguf", "--id", "a", "--dtype", "f8"},
      {"model", "show"},
      {"model", "show", "a", "b"},
      {"model", "export", "a", "--format", "pickle", "--out", "d"},
      {"model", "export", "a", "--format", "gguf", "--type", "q2_k", "--out", "d"},
      {"customize", "--base", "a", "--train", "t.jsonl"},
      {"customize", "--base", "a", "--train", "t", "--name", "n", "--method", "qlora"},
      {"customize", "--base", "a", "--train", "t", "--name", "n", "--set", "epochCount"},
      {"run", "m", "--input", "i"},
      {"run", "m", "--input", "i", "--output", "o", "--max-tokens", "many"},
      {"chat"},
      {"completion", "fish"},
      {"doctor", "extra"}};
  for (const auto& arguments : wrong) {
    const Said said = place.run(arguments);
    EXPECT_EQ(said.status, 2) << testing::PrintToString(arguments);
    EXPECT_THAT(said.err, StartsWith("outcrop: error: ")) << testing::PrintToString(arguments);
    EXPECT_THAT(said.out, IsEmpty()) << testing::PrintToString(arguments);
  }
}

TEST(CommandLine, WrongSettingsAreInvalidInput) {
  const Workplace place;
  const Said said = place.run({"chat", "m", "--message", "x", "--top-p", "3"});
  EXPECT_EQ(said.status, 3);
  EXPECT_THAT(said.err, HasSubstr("top_p must be above 0 and at most 1, got 3"));
  EXPECT_EQ(place.run({"chat", "m", "--message", "x", "--max-tokens", "0"}).status, 3);
  EXPECT_EQ(place.run({"chat", "m", "--message", "x", "--stop", ""}).status, 3);
}

TEST(CommandLine, UnknownModelsAndFilesAreNotFound) {
  const Workplace place;
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"model", "show", "nobody"},
           {"model", "remove", "nobody"},
           {"model", "import", (place.folder() / "nothing.gguf").string(), "--id", "a.b-v1:0"},
           {"chat", "nobody", "--message", "x"},
           {"run", "nobody", "--input", (place.folder() / "no.jsonl").string(), "--output", "o.jsonl"}}) {
    const Said said = place.run(arguments);
    EXPECT_EQ(said.status, 4) << testing::PrintToString(arguments) << said.err;
    EXPECT_THAT(said.err, StartsWith("outcrop: error: "));
  }
  EXPECT_THAT(place.run({"model", "show", "nobody"}).err, HasSubstr("outcrop model import"));
}

TEST(CommandLine, JsonErrorsAreOneDocumentOnStandardOutput) {
  const Said said = Workplace().run({"model", "show", "nobody", "--json"});
  EXPECT_EQ(said.status, 4);
  EXPECT_EQ(parsed(said.out)["error"]["code"].as_string(), "not_found");
}

TEST(CommandLine, JsonIsPromisedForUsageErrorsToo) {
  const Workplace place;
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"--json", "chatt"}, {"chat", "m", "--json"}, {"model", "show", "--json"}}) {
    const Said said = place.run(arguments);
    EXPECT_EQ(said.status, 2);
    EXPECT_EQ(parsed(said.out)["error"]["code"].as_string(), "invalid_argument");
    EXPECT_THAT(said.err, StartsWith("outcrop: error: "));
  }
}

TEST(CommandLine, AnEmptyHomeListsNoModelsAndIsNotMade) {
  const Workplace place;
  EXPECT_THAT(place.run({"model", "list"}).out, HasSubstr("outcrop model import"));
  EXPECT_THAT(place.run({"model", "list", "--ids"}).out, IsEmpty());
  EXPECT_EQ(parsed(place.run({"--json", "model", "list"}).out)["models"].size(), 0U);
  EXPECT_EQ(parsed(place.run({"model", "list", "--json"}).out)["models"].size(), 0U);
  EXPECT_EQ(place.run({"doctor", "--no-measure"}).status, 0);
  EXPECT_FALSE(std::filesystem::exists(place.home()));
}

TEST(CommandLine, HomeOptionGoesBeforeTheEnvironment) {
  const Workplace place;
  const Path other = place.folder() / "other";
  const Said said = place.run({"doctor", "--no-measure", "--json", "--home", other.string()});
  EXPECT_EQ(parsed(said.out)["home"]["path"].as_string(), other.string());
  EXPECT_EQ(parsed(place.run({"doctor", "--no-measure", "--json"}).out)["home"]["path"].as_string(),
            place.home().string());
}

TEST(CommandLine, VersionNamesBuildLibraryAndKernels) {
  const Workplace place;
  const Said flag = place.run({"--version"});
  EXPECT_EQ(flag.status, 0);
  EXPECT_THAT(flag.out, AllOf(StartsWith("outcrop "), HasSubstr("oneDNN"), HasSubstr("kernels ")));
  EXPECT_EQ(place.run({"version"}).out, flag.out);
  EXPECT_FALSE(parsed(place.run({"version", "--json"}).out)["version"].is_null());
}

TEST(CommandLine, DoctorReportsMachineHomeAndMeasurements) {
  const Workplace place;
  const Json report = parsed(place.run({"doctor", "--json"}).out);
  EXPECT_GT(report["machine"]["memory_total_bytes"].as_int(), 0);
  EXPECT_GT(report["machine"]["bfloat16_gflops"].as_double(), 0.0);
  EXPECT_GT(report["machine"]["memory_gb_per_second"].as_double(), 0.0);
  EXPECT_EQ(report["home"]["exists"].as_bool(), false);
  EXPECT_EQ(report["broken"].as_bool(), false);
}

TEST(CommandLine, DoctorCallsAnUnusableHomeBroken) {
  const Workplace place;
  const Path file = place.folder() / "file";
  ASSERT_TRUE(write_file_atomic(file, "not a folder"));
  const Said said = place.run({"doctor", "--no-measure", "--home", (file / "home").string()});
  EXPECT_EQ(said.status, 1);
  EXPECT_THAT(said.out, AllOf(HasSubstr("broken: "), HasSubstr("--home")));
}

TEST(CommandLine, HyperparametersAreListedEitherWay) {
  const Workplace place;
  const Said said = place.run({"customize", "--list-hyperparameters"});
  EXPECT_EQ(said.status, 0);
  EXPECT_THAT(said.out, AllOf(HasSubstr("epochCount"), HasSubstr("learningRate")));
  EXPECT_EQ(place.run({"customize", "--set", "help"}).out, said.out);
}

TEST(CommandLine, CommittedCompletionScriptsAreUpToDate) {
  const Path folder = Path(OUTCROP_TEST_DATA).parent_path() / "completions";
  const Workplace place;
  EXPECT_EQ(place.run({"completion", "bash"}).out, read_file(folder / "outcrop.bash").value_or(""))
      << "run: outcrop completion bash > completions/outcrop.bash";
  EXPECT_EQ(place.run({"completion", "zsh"}).out, read_file(folder / "_outcrop").value_or(""))
      << "run: outcrop completion zsh > completions/_outcrop";
}

TEST(CommandLine, BashCompletionOffersCommandsOptionsAndChoices) {
  const Workplace place;
  const auto completed = [&](const std::string& line) {
    const std::string script =
        "source <(\"" OUTCROP_BINARY "\" completion bash)\nCOMP_WORDS=(" + line +
        ")\nCOMP_CWORD=$((${#COMP_WORDS[@]}-1))\n_outcrop 2>/dev/null\necho \"${COMPREPLY[*]}\"\n";
    const Path file = place.folder() / "complete.sh";
    EXPECT_TRUE(write_file_atomic(file, script));
    const Path out = place.folder() / "completed";
    const std::string command = "bash '" + file.string() + "' > '" + out.string() + "'";
    EXPECT_EQ(std::system(command.c_str()), 0);
    return read_file(out).value_or("");
  };
  EXPECT_EQ(completed("outcrop cu"), "customize\n");
  EXPECT_EQ(completed("outcrop model re"), "remove\n");
  EXPECT_EQ(completed("outcrop model export m --format ''"), "hf gguf peft\n");
  EXPECT_EQ(completed("outcrop run m --temp"), "--temperature\n");
  EXPECT_EQ(completed("outcrop --ho"), "--home\n");
  EXPECT_EQ(completed("outcrop chat m --seed ''"), "\n");
}

TEST(CommandLine, AFullDiskOnStandardOutputIsAFailure) {
  const std::string command = std::string("\"") + OUTCROP_BINARY + "\" version > /dev/full 2> /dev/null";
  const int status = std::system(command.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 5);
}

}  // namespace
}  // namespace outcrop::cli
