#include "conformance.h"

#include <vector>

#include <gmock/gmock.h>

namespace outcrop::store::test {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

const ResourceScope kModels{kAccount, "custom-model", ""};

NewResource model_named(const std::string& name, const std::string& base = "base-1") {
  NewResource model;
  model.scope = kModels;
  model.name = name;
  model.arn = "arn:aws:bedrock:us-east-1:000000000000:custom-model/" + name;
  model.status = "Creating";
  model.body = Json::object({{"baseModelArn", Json(base)}});
  return model;
}

std::vector<std::string> names_of(const Page<Resource>& page) {
  std::vector<std::string> names;
  for (const Resource& resource : page.items) names.push_back(resource.name);
  return names;
}

TEST_P(DatabaseConformance, FindsAResourceByIdArnAndName) {
  Resources& resources = database_->resources();
  const Resource made = value_of(resources.create(model_named("m")));
  EXPECT_EQ(made.revision, 1);
  for (const std::string& identifier : {made.id, made.arn, made.name}) {
    EXPECT_EQ(value_of(resources.find(kModels, identifier)).number, made.number) << identifier;
  }
  EXPECT_EQ(value_of(resources.find_by_arn(kAccount, made.arn)).scope.kind, "custom-model");
  EXPECT_EQ(value_of(resources.get(kModels, made.id)).body["baseModelArn"].as_string(), "base-1");
  EXPECT_EQ(code_of(resources.find(kModels, "other")), Code::not_found);
}

TEST_P(DatabaseConformance, HidesResourcesOfOtherAccounts) {
  Resources& resources = database_->resources();
  const Resource made = value_of(resources.create(model_named("m")));
  const ResourceScope theirs{kOtherAccount, "custom-model", ""};
  EXPECT_EQ(code_of(resources.get(theirs, made.id)), Code::not_found);
  EXPECT_EQ(code_of(resources.find(theirs, made.arn)), Code::not_found);
  EXPECT_EQ(code_of(resources.find_by_arn(kOtherAccount, made.arn)), Code::not_found);
  EXPECT_EQ(code_of(resources.update(theirs, made.id, {.status = "Active"})), Code::not_found);
  EXPECT_EQ(code_of(resources.remove(theirs, made.id)), Code::not_found);
  EXPECT_THAT(value_of(resources.list({.scope = theirs}, {})).items, IsEmpty());
}

TEST_P(DatabaseConformance, MakesAResourceOnceForOneRequestToken) {
  Resources& resources = database_->resources();
  NewResource asked = model_named("m");
  asked.request_token = "token";
  const Resource made = value_of(resources.create(asked));
  EXPECT_OK(resources.update(kModels, made.id, {.status = "Active", .body = Json::object()}));
  EXPECT_EQ(value_of(resources.create(asked)).id, made.id)
      << "an update must not make the retry another request";
  NewResource other = model_named("n");
  other.request_token = "token";
  EXPECT_EQ(code_of(resources.create(other)), Code::conflict);
}

TEST_P(DatabaseConformance, KeepsNamesUniqueWithinTheirScope) {
  Resources& resources = database_->resources();
  EXPECT_OK(resources.create(model_named("m")));
  NewResource same_name = model_named("m");
  same_name.arn += "-2";
  EXPECT_EQ(code_of(resources.create(same_name)), Code::already_exists);
  NewResource same_arn = model_named("m");
  same_arn.name = "n";
  EXPECT_EQ(code_of(resources.create(same_arn)), Code::already_exists);
  NewResource nameless;
  nameless.scope = kModels;
  EXPECT_OK(resources.create(nameless));
  EXPECT_OK(resources.create(nameless));  // without names and ARNs there is nothing to clash
}

TEST_P(DatabaseConformance, KeepsChildrenUnderTheirParents) {
  Resources& resources = database_->resources();
  const Resource first = value_of(resources.create({.scope = {kAccount, "prompt", ""}, .name = "p"}));
  const Resource second = value_of(resources.create({.scope = {kAccount, "prompt", ""}, .name = "q"}));
  for (const Resource& parent : {first, second}) {
    EXPECT_OK(resources.create({.scope = {kAccount, "prompt-version", parent.id}, .id = "1"}));
  }
  EXPECT_OK(resources.create({.scope = {kAccount, "prompt-version", first.id}, .id = "2"}));
  EXPECT_THAT(value_of(resources.list({.scope = {kAccount, "prompt-version", first.id}}, {})).items, SizeIs(2));
  EXPECT_THAT(
      value_of(resources.list({.scope = {kAccount, "prompt-version", ""}, .any_parent = true}, {})).items,
      SizeIs(3));
  EXPECT_EQ(code_of(resources.remove({kAccount, "prompt", ""}, second.id)), Code::conflict);
  EXPECT_OK(resources.remove({kAccount, "prompt-version", second.id}, "1"));
  EXPECT_OK(resources.remove({kAccount, "prompt", ""}, second.id));
}

TEST_P(DatabaseConformance, ChangesOnlyWhatIsGivenAndCountsRevisions) {
  Resources& resources = database_->resources();
  const Resource made = value_of(resources.create(model_named("m")));
  clock_.advance(seconds(1));
  const Resource active = value_of(resources.update(kModels, made.id, {.status = "Active"}));
  EXPECT_EQ(active.status, "Active");
  EXPECT_EQ(active.name, "m");
  EXPECT_EQ(active.body, made.body);
  EXPECT_EQ(active.revision, 2);
  EXPECT_EQ(active.updated, clock_.now());
  EXPECT_EQ(active.created, made.created);
  EXPECT_EQ(code_of(resources.update(kModels, made.id, {.status = "Failed", .expected_revision = 1})),
            Code::conflict);
  EXPECT_EQ(value_of(resources.update(kModels, made.id, {.name = "new", .expected_revision = 2})).name, "new");
  EXPECT_OK(resources.create(model_named("other")));
  EXPECT_EQ(code_of(resources.update(kModels, made.id, {.name = "other"})), Code::already_exists);
  EXPECT_EQ(code_of(resources.update(kModels, "none", {})), Code::not_found);
}

TEST_P(DatabaseConformance, FiltersResourcesByStatusNameBodyAndTime) {
  Resources& resources = database_->resources();
  EXPECT_OK(resources.create(model_named("alpha")));
  clock_.advance(seconds(1));
  EXPECT_OK(resources.create(model_named("beta", "base-2")));
  const Resource gamma = value_of(resources.create(model_named("gamma", "base-2")));
  EXPECT_OK(resources.update(kModels, gamma.id, {.status = "Active"}));

  EXPECT_THAT(names_of(value_of(resources.list({.scope = kModels, .statuses = {"Active"}}, {}))),
              ElementsAre("gamma"));
  EXPECT_THAT(names_of(value_of(resources.list({.scope = kModels, .name_contains = "eta"}, {}))),
              ElementsAre("beta"));
  const ResourceFilter by_base{.scope = kModels, .body_equals = {{"baseModelArn", "base-2"}}};
  EXPECT_THAT(names_of(value_of(resources.list(by_base, {}))), ElementsAre("gamma", "beta"));
  EXPECT_THAT(
      names_of(value_of(resources.list({.scope = kModels, .created_to = clock_.now() - seconds(1)}, {}))),
      ElementsAre("alpha"));
  const ResourceFilter hostile{.scope = kModels, .body_equals = {{"x') OR ('1", "1"}}};
  EXPECT_EQ(code_of(resources.list(hostile, {})), Code::invalid_argument);
}

TEST_P(DatabaseConformance, PagesThroughResources) {
  Resources& resources = database_->resources();
  for (int i = 0; i < 5; ++i) EXPECT_OK(resources.create(model_named("m" + std::to_string(i))));
  const ResourceFilter filter{.scope = kModels, .order = SortOrder::ascending};
  const Page<Resource> first = value_of(resources.list(filter, {.max_items = 3, .token = {}}));
  EXPECT_THAT(names_of(first), ElementsAre("m0", "m1", "m2"));
  const Page<Resource> rest = value_of(resources.list(filter, {.max_items = 3, .token = first.next_token}));
  EXPECT_THAT(names_of(rest), ElementsAre("m3", "m4"));
  EXPECT_EQ(rest.next_token, "");
  const Page<Resource> exact = value_of(resources.list(filter, {.max_items = 5, .token = {}}));
  EXPECT_EQ(exact.next_token, "") << "a full last page has no successor";
}

TEST_P(DatabaseConformance, TagsAnythingWithAnArn) {
  Tags& tags = database_->tags();
  const Resource model = value_of(database_->resources().create(model_named("m")));
  EXPECT_OK(tags.set(kAccount, model.arn, {{"team", "search"}, {"stage", "dev"}}));
  EXPECT_OK(tags.set(kAccount, model.arn, {{"stage", "prod"}}));
  EXPECT_THAT(value_of(tags.get(kAccount, model.arn)),
              ElementsAre(Pair("stage", "prod"), Pair("team", "search")));
  EXPECT_THAT(value_of(tags.get(kOtherAccount, model.arn)), IsEmpty());
  EXPECT_OK(tags.remove(kAccount, model.arn, {"stage", "none"}));
  EXPECT_THAT(value_of(tags.get(kAccount, model.arn)), ElementsAre(Pair("team", "search")));
  EXPECT_OK(database_->resources().remove(kModels, model.id));
  EXPECT_THAT(value_of(tags.get(kAccount, model.arn)), IsEmpty());
}

TEST_P(DatabaseConformance, AllowsFiftyTagsAndWritesNoneOfTooMany) {
  TagMap many;
  for (int i = 0; i < 50; ++i) many["key-" + std::to_string(i)] = "v";
  EXPECT_OK(database_->tags().set(kAccount, "arn", many));
  EXPECT_EQ(code_of(database_->tags().set(kAccount, "arn", {{"key-0", "changed"}, {"one-more", "v"}})),
            Code::quota_exceeded);
  EXPECT_EQ(value_of(database_->tags().get(kAccount, "arn")), many);
}

TEST_P(DatabaseConformance, KeepsSettingsOfEachAccount) {
  Settings& settings = database_->settings();
  EXPECT_FALSE(value_of(settings.get(kAccount, "logging")));
  EXPECT_OK(settings.put(kAccount, "logging", Json::object({{"on", Json(true)}})));
  EXPECT_OK(settings.put(kAccount, "logging", Json::object({{"on", Json(false)}})));
  EXPECT_EQ(value_of(settings.get(kAccount, "logging")).value()["on"].as_bool(), false);
  EXPECT_FALSE(value_of(settings.get(kOtherAccount, "logging")));
  EXPECT_EQ(code_of(settings.put("222222222222", "logging", Json())), Code::not_found);
  EXPECT_OK(settings.remove(kAccount, "logging"));
  EXPECT_FALSE(value_of(settings.get(kAccount, "logging")));
}

}  // namespace
}  // namespace outcrop::store::test
