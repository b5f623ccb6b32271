#include "model/library.h"

#include "model/lora.h"
#include "model/model_folder.h"
#include "model/tiny_model.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outcrop::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kBase = "test.tiny-v1:0";

std::vector<std::string> ids_of(const Library& library) {
  std::vector<std::string> ids;
  const auto models = library.list();
  EXPECT_TRUE(models);
  for (const ModelInfo& info : *models) ids.push_back(info.id);
  return ids;
}

std::vector<std::string> names_in(const Path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

ImportOptions named(std::string id) {
  ImportOptions options;
  options.id = std::move(id);
  return options;
}

/// A home with one tiny llama, and adapters and full models on it.
class LibraryTest : public testing::Test {
 protected:
  void SetUp() override {
    test::write_huggingface(source(), test::tiny_llama(), tensors_);
    ASSERT_TRUE(library_.import(source(), named(kBase)));
  }

  Path source() const { return folder_ / "source"; }
  Path home() const { return folder_ / "home"; }

  Result<ModelInfo> add_adapter(std::string name, bool replace = false, std::string base = kBase) const {
    LoraConfig lora;
    lora.rank = 4;
    const LoraAdapter adapter = LoraAdapter::initial(lora, test::tiny_llama(), 3);
    Library::CustomModel custom;
    custom.name = std::move(name);
    custom.base = std::move(base);
    custom.method = "lora";
    custom.job = "run-1";
    custom.data_sha256 = "abc";
    custom.adapter = &adapter;
    custom.replace = replace;
    return library_.add_custom(custom);
  }

  Result<ModelInfo> add_full(std::string name, const std::vector<float>& values) const {
    Library::CustomModel custom;
    custom.name = std::move(name);
    custom.base = kBase;
    custom.method = "full";
    custom.weights = values;
    return library_.add_custom(custom);
  }

  test::TestFolder folder_;
  std::vector<float> values_ = test::tiny_values(test::tiny_llama());
  std::vector<test::StoredTensor> tensors_ = test::tensors_of(test::tiny_llama(), values_);
  Library library_ = *Library::open(home());
};

TEST(ModelId, HasARuleThatKeepsItInsideTheHome) {
  for (const std::string id : {"a", "huggingface.smollm2-135m-instruct-v1:0", "My_Model.2", "7b"}) {
    EXPECT_TRUE(check_model_id(id)) << id;
  }
  EXPECT_TRUE(check_model_id(std::string(100, 'a')));
  for (const std::string id :
       {"", ".hidden", "-x", "_x", ":x", "a/b", "../a", "a..b", "a b", "a\\b", "a@b", "a\n", "ä"}) {
    const Status status = check_model_id(id);
    ASSERT_FALSE(status) << id;
    EXPECT_EQ(status.error().code, Code::invalid_argument);
  }
  EXPECT_FALSE(check_model_id(std::string(101, 'a')));
  EXPECT_FALSE(check_model_id(std::string("a\0b", 3)));
}

TEST_F(LibraryTest, KeepsTheFactsOfAnImport) {
  const auto info = library_.info(kBase);
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->kind, ModelKind::foundation);
  EXPECT_EQ(info->architecture, "llama");
  EXPECT_EQ(info->source, "source");
  EXPECT_EQ(info->source_format, "huggingface");
  EXPECT_EQ(info->source_sha256.size(), 64U);
  EXPECT_EQ(info->parameters, static_cast<std::int64_t>(values_.size()));
  EXPECT_EQ(info->context_length, 128);
  EXPECT_EQ(info->dtype, "BF16");
  EXPECT_NE(info->template_fingerprint, 0U);
  EXPECT_NE(info->tokenizer_fingerprint, 0U);
  EXPECT_EQ(info->created.size(), std::string("2026-01-31T12:00:00Z").size());
}

TEST_F(LibraryTest, ListsByIdAndFindsModelsInANewObject) {
  ASSERT_TRUE(library_.import(source(), named("b.second")));
  ASSERT_TRUE(library_.import(source(), named("a.first")));
  const auto again = Library::open(home());
  ASSERT_TRUE(again);
  EXPECT_THAT(ids_of(*again), ElementsAre("a.first", "b.second", kBase));
}

TEST_F(LibraryTest, TellsTheNearestIdWhenOneIsMissing) {
  const auto info = library_.info("test.tini-v1:0");
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code, Code::not_found);
  EXPECT_THAT(info.error().message, HasSubstr(kBase));
  EXPECT_EQ(library_.load("nothing").error().code, Code::not_found);
  EXPECT_EQ(library_.remove("nothing").error().code, Code::not_found);
  EXPECT_EQ(library_.info("../x").error().code, Code::invalid_argument);
  EXPECT_EQ(library_.remove("../x").error().code, Code::invalid_argument);
}

TEST_F(LibraryTest, SaysHowToBeginWhenItIsEmpty) {
  ASSERT_TRUE(library_.remove(kBase));
  EXPECT_THAT(ids_of(library_), IsEmpty());
  EXPECT_THAT(library_.info("a").error().message, HasSubstr("model import"));
}

TEST_F(LibraryTest, RefusesAnIdInUseUnlessToldToReplace) {
  const auto again = library_.import(source(), named(kBase));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::already_exists);
  test::write_huggingface(source(), test::tiny_llama(),
                          test::tensors_of(test::tiny_llama(), test::tiny_values(test::tiny_llama(), 8)));
  ImportOptions options = named(kBase);
  options.replace = true;
  const auto before = library_.info(kBase);
  const auto replaced = library_.import(source(), options);
  ASSERT_TRUE(replaced) << replaced.error().message;
  EXPECT_NE(replaced->source_sha256, before->source_sha256);
}

TEST_F(LibraryTest, WillNotPullTheWeightsFromUnderAnAdapter) {
  ASSERT_TRUE(add_adapter("mine"));
  test::write_huggingface(source(), test::tiny_llama(),
                          test::tensors_of(test::tiny_llama(), test::tiny_values(test::tiny_llama(), 8)));
  ImportOptions options = named(kBase);
  options.replace = true;
  const auto replaced = library_.import(source(), options);
  ASSERT_FALSE(replaced);
  EXPECT_EQ(replaced.error().code, Code::conflict);
  EXPECT_THAT(replaced.error().message, HasSubstr("mine"));
  const Status removed = library_.remove(kBase);
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, Code::conflict);
  EXPECT_THAT(removed.error().message, HasSubstr("mine"));
  EXPECT_TRUE(library_.load("mine"));
  ASSERT_TRUE(library_.remove("mine"));
  EXPECT_TRUE(library_.remove(kBase));
}

TEST_F(LibraryTest, LoadsAnAdapterWithItsBase) {
  const auto added = add_adapter("mine");
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_EQ(added->kind, ModelKind::custom);
  EXPECT_EQ(added->method, "lora");
  EXPECT_EQ(added->base, kBase);
  EXPECT_EQ(added->job, "run-1");
  EXPECT_EQ(added->source_sha256, "abc");
  const auto loaded = library_.load("mine");
  ASSERT_TRUE(loaded) << loaded.error().message;
  ASSERT_NE(loaded->adapter, nullptr);
  EXPECT_EQ(loaded->adapter->config.rank, 4);
  EXPECT_EQ(loaded->info.id, "mine");
  EXPECT_EQ(loaded->model->config(), library_.load(kBase)->model->config());
}

TEST_F(LibraryTest, LoadsAFullModelWithoutItsBase) {
  const std::vector<float> other = test::tiny_values(test::tiny_llama(), 9);
  ASSERT_TRUE(add_full("mine", other));
  ASSERT_TRUE(library_.remove(kBase));
  const auto loaded = library_.load("mine");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->adapter, nullptr);
  const auto weights = loaded->model->weights<bfloat16>();
  EXPECT_EQ(test::to_floats(weights.data, loaded->model->layout().elements), other);
}

TEST_F(LibraryTest, RefusesCustomModelsThatCannotBe) {
  EXPECT_EQ(add_adapter("mine", false, "nowhere").error().code, Code::not_found);
  EXPECT_EQ(add_adapter("../mine").error().code, Code::invalid_argument);
  EXPECT_EQ(add_adapter(kBase).error().code, Code::already_exists);
  EXPECT_EQ(add_adapter(kBase, /*replace=*/true).error().code, Code::conflict);
  ASSERT_TRUE(add_adapter("mine"));
  EXPECT_EQ(add_adapter("mine").error().code, Code::already_exists);
  EXPECT_TRUE(add_adapter("mine", /*replace=*/true));
  EXPECT_EQ(add_adapter("on-top", false, "mine").error().code, Code::unsupported);
  EXPECT_EQ(add_full("short", {1.0F, 2.0F}).error().code, Code::internal);
  EXPECT_THAT(ids_of(library_), ElementsAre("mine", kBase));
}

TEST_F(LibraryTest, LeavesOutFoldersThatAreNoModels) {
  const Path models = home() / "models";
  std::filesystem::create_directories(models / "empty");
  std::filesystem::create_directories(models / "broken");
  test::write(models / "broken" / kManifestFile, "{\"manifest_version\": 1");
  std::filesystem::create_directories(models / "newer");
  test::write(models / "newer" / kManifestFile, R"({"manifest_version": 99, "id": "newer"})");
  EXPECT_THAT(ids_of(library_), ElementsAre(kBase));
  EXPECT_EQ(library_.info("newer").error().code, Code::unsupported);
  EXPECT_FALSE(library_.info("broken"));
  EXPECT_EQ(library_.info("empty").error().code, Code::not_found);
}

TEST_F(LibraryTest, ReplacesADamagedModelWhenTold) {
  test::write(library_.folder_of(kBase) / kManifestFile, "no json");
  EXPECT_FALSE(library_.import(source(), named(kBase)));
  ImportOptions options = named(kBase);
  options.replace = true;
  ASSERT_TRUE(library_.import(source(), options));
  EXPECT_TRUE(library_.load(kBase));
}

TEST_F(LibraryTest, NamesTheModelWhoseFilesAreDamaged) {
  const Path weights = library_.folder_of(kBase) / kWeightsFile;
  std::filesystem::resize_file(weights, std::filesystem::file_size(weights) / 2);
  const auto cut = library_.load(kBase);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, Code::corrupt_data);
  EXPECT_THAT(cut.error().message, HasSubstr(kBase));
  std::filesystem::remove(weights);
  EXPECT_EQ(library_.load(kBase).error().code, Code::not_found);
}

TEST_F(LibraryTest, LosesAnAdapterWhoseBaseWentAwayByHand) {
  ASSERT_TRUE(add_adapter("mine"));
  std::filesystem::remove_all(library_.folder_of(kBase));
  const auto loaded = library_.load("mine");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::not_found);
  EXPECT_THAT(loaded.error().message, HasSubstr(kBase));
  EXPECT_TRUE(library_.remove("mine"));
}

TEST_F(LibraryTest, KeepsNothingOfAnImportThatWasStopped) {
  ImportOptions options = named("stopped");
  int calls = 0;
  options.progress = [&calls](std::int64_t done, std::int64_t total) {
    EXPECT_LE(done, total);
    return ++calls < 3;
  };
  const auto stopped = library_.import(source(), options);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::cancelled);
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(names_in(home() / "models").size(), 1U);
}

TEST_F(LibraryTest, ReportsProgressToTheEnd) {
  ImportOptions options = named("whole");
  std::int64_t last = 0;
  std::int64_t all = -1;
  options.progress = [&](std::int64_t done, std::int64_t total) {
    EXPECT_GT(done, last);
    last = done;
    all = total;
    return true;
  };
  ASSERT_TRUE(library_.import(source(), options));
  EXPECT_EQ(last, all);
  EXPECT_EQ(all, static_cast<std::int64_t>(2 * values_.size()));
}

TEST_F(LibraryTest, KeepsIdsApartThatLookAlike) {
  ASSERT_TRUE(library_.import(source(), named("a.b:c")));
  ASSERT_TRUE(library_.import(source(), named("a.b.c")));
  EXPECT_NE(library_.folder_of("a.b:c"), library_.folder_of("a.b.c"));
  ASSERT_TRUE(library_.remove("a.b:c"));
  EXPECT_TRUE(library_.load("a.b.c"));
}

TEST_F(LibraryTest, KeepsOnlyTheTypesItCanComputeIn) {
  ImportOptions options = named("half");
  options.dtype = DType::f16;
  EXPECT_EQ(library_.import(source(), options).error().code, Code::invalid_argument);
}

}  // namespace
}  // namespace outcrop::model
