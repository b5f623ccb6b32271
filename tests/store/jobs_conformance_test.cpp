#include "conformance.h"

#include <map>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

namespace outcrop::store::test {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

NewJob job_named(const std::string& name, const char* account = kAccount) {
  NewJob job;
  job.account = account;
  job.kind = "evaluation";
  job.name = name;
  job.payload = Json::object({{"name", Json(name)}});
  return job;
}

std::vector<std::string> names_of(const std::vector<Job>& jobs) {
  std::vector<std::string> names;
  for (const Job& job : jobs) names.push_back(job.name);
  return names;
}

/// Claims the next job as `owner` for ten seconds; fails the test when there is none.
Job claimed(Jobs& jobs, const std::string& owner) {
  std::optional<Job> job = value_of(jobs.claim({owner, {}, seconds(10)}));
  EXPECT_TRUE(job);
  return job.value_or(Job{});
}

TEST_P(DatabaseConformance, KeepsAJobAsItWasAskedFor) {
  NewJob asked = job_named("a");
  asked.arn = "arn:aws:bedrock:us-east-1:000000000000:evaluation-job/abcdefghijkl";
  const Job made = value_of(database_->jobs().create(asked));
  EXPECT_EQ(made.id.size(), 12U);
  EXPECT_EQ(made.state, JobState::queued);
  EXPECT_EQ(made.created, clock_.now());
  EXPECT_FALSE(made.started);
  const Job found = value_of(database_->jobs().get(kAccount, made.id));
  EXPECT_EQ(found.payload, asked.payload);
  EXPECT_EQ(found.arn, asked.arn);
  for (const std::string& identifier : {made.id, asked.arn, asked.name}) {
    EXPECT_EQ(value_of(database_->jobs().find(kAccount, "evaluation", identifier)).number, made.number)
        << identifier;
  }
}

TEST_P(DatabaseConformance, HidesJobsOfOtherAccounts) {
  const Job made = value_of(database_->jobs().create(job_named("a")));
  Jobs& jobs = database_->jobs();
  EXPECT_EQ(code_of(jobs.get(kOtherAccount, made.id)), Code::not_found);
  EXPECT_EQ(code_of(jobs.find(kOtherAccount, "evaluation", made.name)), Code::not_found);
  EXPECT_EQ(code_of(jobs.request_stop(kOtherAccount, made.id)), Code::not_found);
  EXPECT_EQ(code_of(jobs.remove(kOtherAccount, made.id)), Code::not_found);
  EXPECT_EQ(code_of(jobs.events(kOtherAccount, made.id, 0, 10)), Code::not_found);
  EXPECT_THAT(value_of(jobs.list({.account = kOtherAccount}, {})).items, IsEmpty());
}

TEST_P(DatabaseConformance, MakesAJobOnceForOneRequestToken) {
  NewJob asked = job_named("a");
  asked.request_token = "token-1";
  const Job made = value_of(database_->jobs().create(asked));
  EXPECT_EQ(value_of(database_->jobs().create(asked)).id, made.id);
  NewJob other = job_named("b");
  other.request_token = "token-1";
  EXPECT_EQ(code_of(database_->jobs().create(other)), Code::conflict);
  EXPECT_THAT(value_of(database_->jobs().list({.account = kAccount}, {})).items, SizeIs(1));
}

TEST_P(DatabaseConformance, RefusesTakenNamesAndIncompleteJobs) {
  EXPECT_OK(database_->jobs().create(job_named("a")));
  EXPECT_EQ(code_of(database_->jobs().create(job_named("a"))), Code::already_exists);
  EXPECT_OK(database_->jobs().create(job_named("a", kOtherAccount)));
  EXPECT_EQ(code_of(database_->jobs().create(job_named("b", "222222222222"))), Code::not_found);
  EXPECT_EQ(code_of(database_->jobs().create(job_named(""))), Code::invalid_argument);
  NewJob never = job_named("never");
  never.max_attempts = 0;
  EXPECT_EQ(code_of(database_->jobs().create(never)), Code::invalid_argument);
}

TEST_P(DatabaseConformance, PagesThroughJobsInBothOrders) {
  for (int i = 0; i < 7; ++i) {
    EXPECT_OK(database_->jobs().create(job_named("job-" + std::to_string(i))));
    if (i % 2 == 1) clock_.advance(seconds(1));  // pairs share their time of creation
  }
  for (const SortOrder order : {SortOrder::ascending, SortOrder::descending}) {
    std::vector<std::string> seen;
    PageRequest page{.max_items = 2, .token = {}};
    do {
      const Page<Job> got = value_of(database_->jobs().list({.account = kAccount, .order = order}, page));
      for (const std::string& name : names_of(got.items)) seen.push_back(name);
      page.token = got.next_token;
    } while (!page.token.empty());
    std::vector<std::string> expected;
    for (int i = 0; i < 7; ++i) {
      expected.push_back("job-" + std::to_string(order == SortOrder::ascending ? i : 6 - i));
    }
    EXPECT_EQ(seen, expected);
  }
}

TEST_P(DatabaseConformance, KeepsItsPlaceWhileJobsComeAndGo) {
  for (int i = 0; i < 4; ++i) EXPECT_OK(database_->jobs().create(job_named("old-" + std::to_string(i))));
  const Page<Job> first =
      value_of(database_->jobs().list({.account = kAccount}, {.max_items = 2, .token = {}}));
  EXPECT_THAT(names_of(first.items), ElementsAre("old-3", "old-2"));
  EXPECT_OK(database_->jobs().create(job_named("new")));
  EXPECT_OK(database_->jobs().request_stop(kAccount, first.items[1].id));
  EXPECT_OK(database_->jobs().remove(kAccount, first.items[1].id));
  const Page<Job> second =
      value_of(database_->jobs().list({.account = kAccount}, {.max_items = 2, .token = first.next_token}));
  EXPECT_THAT(names_of(second.items), ElementsAre("old-1", "old-0"));
  EXPECT_EQ(second.next_token, "");
}

TEST_P(DatabaseConformance, RefusesPageTokensOfAnotherListAndBadSizes) {
  for (int i = 0; i < 3; ++i) EXPECT_OK(database_->jobs().create(job_named("job-" + std::to_string(i))));
  Jobs& jobs = database_->jobs();
  const std::string token =
      value_of(jobs.list({.account = kAccount}, {.max_items = 1, .token = {}})).next_token;
  EXPECT_EQ(code_of(jobs.list({.account = kOtherAccount}, {.max_items = 1, .token = token})),
            Code::invalid_argument);
  EXPECT_EQ(code_of(jobs.list({.account = kAccount, .name_contains = "x"}, {.max_items = 1, .token = token})),
            Code::invalid_argument);
  EXPECT_EQ(code_of(jobs.list({.account = kAccount}, {.max_items = 1, .token = "x" + token})),
            Code::invalid_argument);
  EXPECT_EQ(code_of(jobs.list({.account = kAccount}, {.max_items = 0, .token = {}})), Code::invalid_argument);
  EXPECT_EQ(code_of(jobs.list({.account = kAccount}, {.max_items = 1001, .token = {}})),
            Code::invalid_argument);
}

TEST_P(DatabaseConformance, FiltersJobsByStateNameKindAndTime) {
  Jobs& jobs = database_->jobs();
  EXPECT_OK(jobs.create(job_named("red-apple")));
  const Time first = clock_.now();
  clock_.advance(seconds(1));
  EXPECT_OK(jobs.create(job_named("green-apple")));
  NewJob other = job_named("red-brick");
  other.kind = "batch-inference";
  EXPECT_OK(jobs.create(other));
  EXPECT_OK(jobs.claim({"w", {"batch-inference"}, seconds(10)}));

  JobFilter filter{.account = kAccount, .name_contains = "apple"};
  EXPECT_THAT(names_of(value_of(jobs.list(filter, {})).items), ElementsAre("green-apple", "red-apple"));
  filter.name_contains = "%";  // no pattern
  EXPECT_THAT(value_of(jobs.list(filter, {})).items, IsEmpty());
  filter = {.account = kAccount, .kind = "batch-inference"};
  EXPECT_THAT(names_of(value_of(jobs.list(filter, {})).items), ElementsAre("red-brick"));
  filter = {.account = kAccount, .states = {JobState::running, JobState::stopped}};
  EXPECT_THAT(names_of(value_of(jobs.list(filter, {})).items), ElementsAre("red-brick"));
  filter = {.account = kAccount, .created_to = first};
  EXPECT_THAT(names_of(value_of(jobs.list(filter, {})).items), ElementsAre("red-apple"));
  filter = {.account = kAccount, .created_from = clock_.now()};
  EXPECT_THAT(value_of(jobs.list(filter, {})).items, SizeIs(2));
}

TEST_P(DatabaseConformance, ClaimsTheOldestJobOfTheAsksKinds) {
  Jobs& jobs = database_->jobs();
  EXPECT_OK(jobs.create(job_named("first")));
  EXPECT_OK(jobs.create(job_named("second")));
  EXPECT_FALSE(value_of(jobs.claim({"w", {"import"}, seconds(10)})));
  const Job job = claimed(jobs, "w");
  EXPECT_EQ(job.name, "first");
  EXPECT_EQ(job.state, JobState::running);
  EXPECT_EQ(job.owner, "w");
  EXPECT_EQ(job.attempt, 1);
  EXPECT_EQ(job.started, clock_.now());
  EXPECT_EQ(job.lease_until, clock_.now() + seconds(10));
  EXPECT_EQ(claimed(jobs, "w").name, "second");
  EXPECT_FALSE(value_of(jobs.claim({"w", {}, seconds(10)})));
  EXPECT_EQ(code_of(jobs.claim({"", {}, seconds(10)})), Code::invalid_argument);
}

TEST_P(DatabaseConformance, TakesTurnsBetweenAccounts) {
  Jobs& jobs = database_->jobs();
  for (int i = 0; i < 3; ++i) EXPECT_OK(jobs.create(job_named("mine-" + std::to_string(i))));
  EXPECT_OK(jobs.create(job_named("theirs", kOtherAccount)));
  EXPECT_EQ(claimed(jobs, "w").name, "mine-0");
  EXPECT_EQ(claimed(jobs, "w").name, "theirs");
  EXPECT_EQ(claimed(jobs, "w").name, "mine-1");
}

TEST_P(DatabaseConformance, EndsAJobWithItsOutcome) {
  Jobs& jobs = database_->jobs();
  EXPECT_OK(jobs.create(job_named("a")));
  const Job job = claimed(jobs, "w");
  clock_.advance(seconds(5));
  EXPECT_OK(jobs.set_progress(lease_of(job), Json::object({{"step", Json(3)}})));
  const Job done =
      value_of(jobs.complete(lease_of(job), {JobState::failed, Json::object({{"loss", Json(1.5)}}), "no"}));
  EXPECT_EQ(done.state, JobState::failed);
  EXPECT_EQ(done.failure, "no");
  EXPECT_EQ(done.ended, clock_.now());
  EXPECT_EQ(done.owner, "");
  EXPECT_FALSE(done.lease_until);
  EXPECT_EQ(done.progress["step"].as_int(), 3);
  EXPECT_EQ(value_of(jobs.get(kAccount, job.id)).result["loss"].as_double(), 1.5);
  EXPECT_EQ(code_of(jobs.complete(lease_of(job), {})), Code::conflict);
}

TEST_P(DatabaseConformance, CannotEndAJobInAStateThatIsNoEnd) {
  EXPECT_OK(database_->jobs().create(job_named("a")));
  const Job job = claimed(database_->jobs(), "w");
  EXPECT_EQ(code_of(database_->jobs().complete(lease_of(job), {JobState::queued, {}, {}})),
            Code::invalid_argument);
}

TEST_P(DatabaseConformance, RefusesEverythingFromAWorkerThatLostItsLease) {
  Jobs& jobs = database_->jobs();
  EXPECT_OK(jobs.create(job_named("a")));
  const Job lost = claimed(jobs, "slow");
  clock_.advance(seconds(11));
  EXPECT_THAT(value_of(jobs.recover_expired()), SizeIs(1));
  EXPECT_EQ(code_of(jobs.heartbeat(lease_of(lost), seconds(10))), Code::conflict);
  const Job again = claimed(jobs, "slow");  // even under the same owner's name
  EXPECT_EQ(again.attempt, 2);
  EXPECT_EQ(code_of(jobs.heartbeat(lease_of(lost), seconds(10))), Code::conflict);
  EXPECT_EQ(code_of(jobs.set_progress(lease_of(lost), Json())), Code::conflict);
  EXPECT_EQ(code_of(jobs.add_event(lease_of(lost), "state", "x", Json())), Code::conflict);
  EXPECT_EQ(code_of(jobs.release(lease_of(lost), seconds(0))), Code::conflict);
  EXPECT_EQ(code_of(jobs.complete(lease_of(lost), {})), Code::conflict);
  EXPECT_OK(jobs.complete(lease_of(again), {}));
}

TEST_P(DatabaseConformance, KeepsALeaseThatIsRenewedInTime) {
  Jobs& jobs = database_->jobs();
  EXPECT_OK(jobs.create(job_named("a")));
  const Job job = claimed(jobs, "w");
  for (int i = 0; i < 5; ++i) {
    clock_.advance(seconds(8));
    EXPECT_THAT(value_of(jobs.recover_expired()), IsEmpty());
    EXPECT_EQ(value_of(jobs.heartbeat(lease_of(job), seconds(10))).state, JobState::running);
  }
}

TEST_P(DatabaseConformance, FailsAJobWhoseWorkersWereLostTooOften) {
  Jobs& jobs = database_->jobs();
  NewJob asked = job_named("a");
  asked.max_attempts = 2;
  EXPECT_OK(jobs.create(asked));
  for (const JobState expected : {JobState::queued, JobState::failed}) {
    claimed(jobs, "w");
    clock_.advance(seconds(11));
    const std::vector<Job> recovered = value_of(jobs.recover_expired());
    ASSERT_THAT(recovered, SizeIs(1));
    EXPECT_EQ(recovered[0].state, expected);
  }
  const Job failed = value_of(jobs.find(kAccount, "evaluation", "a"));
  EXPECT_EQ(failed.failure, "the worker was lost in attempt 2 of 2");
  EXPECT_EQ(failed.ended, clock_.now());
}

TEST_P(DatabaseConformance, StopsAQueuedJobAtOnceAndARunningOneThroughItsWorker) {
  Jobs& jobs = database_->jobs();
  const Job queued = value_of(jobs.create(job_named("queued")));
  EXPECT_EQ(value_of(jobs.request_stop(kAccount, queued.id)).state, JobState::stopped);
  EXPECT_FALSE(value_of(jobs.claim({"w", {}, seconds(10)})));
  EXPECT_EQ(code_of(jobs.request_stop(kAccount, queued.id)), Code::conflict);

  EXPECT_OK(jobs.create(job_named("running")));
  const Job running = claimed(jobs, "w");
  EXPECT_EQ(value_of(jobs.request_stop(kAccount, running.id)).state, JobState::stopping);
  EXPECT_EQ(value_of(jobs.request_stop(kAccount, running.id)).state, JobState::stopping);
  EXPECT_EQ(value_of(jobs.heartbeat(lease_of(running), seconds(10))).state, JobState::stopping);
  EXPECT_EQ(value_of(jobs.complete(lease_of(running), {JobState::stopped, {}, {}})).state, JobState::stopped);
}

TEST_P(DatabaseConformance, StopsAStoppingJobWhoseWorkerIsLost) {
  Jobs& jobs = database_->jobs();
  EXPECT_OK(jobs.create(job_named("a")));
  const Job job = claimed(jobs, "w");
  EXPECT_OK(jobs.request_stop(kAccount, job.id));
  clock_.advance(seconds(11));
  EXPECT_EQ(value_of(jobs.recover_expired()).at(0).state, JobState::stopped);
  EXPECT_EQ(value_of(jobs.get(kAccount, job.id)).ended, clock_.now());
}

TEST_P(DatabaseConformance, OffersAReleasedJobAgainAfterItsDelayAndLosesNoAttempt) {
  Jobs& jobs = database_->jobs();
  NewJob asked = job_named("a");
  asked.max_attempts = 1;
  EXPECT_OK(jobs.create(asked));
  EXPECT_EQ(value_of(jobs.release(lease_of(claimed(jobs, "w")), seconds(5))).state, JobState::queued);
  EXPECT_FALSE(value_of(jobs.claim({"w", {}, seconds(10)})));
  clock_.advance(seconds(5));
  const Job again = claimed(jobs, "w");
  EXPECT_EQ(again.attempt, 2);
  EXPECT_LE(again.attempt, again.max_attempts);
}

TEST_P(DatabaseConformance, NumbersEventsWithinAJob) {
  Jobs& jobs = database_->jobs();
  EXPECT_OK(jobs.create(job_named("a")));
  const Job job = claimed(jobs, "w");
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(value_of(jobs.add_event(lease_of(job), "metrics", "step", Json::object({{"step", Json(i)}}))), i);
  }
  const std::vector<JobEvent> events = value_of(jobs.events(kAccount, job.id, 1, 10));
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].sequence, 2);
  EXPECT_EQ(events[1].detail["step"].as_int(), 3);
  EXPECT_THAT(value_of(jobs.events(kAccount, job.id, 0, 1)), SizeIs(1));
}

TEST_P(DatabaseConformance, RemovesEndedJobsOnly) {
  Jobs& jobs = database_->jobs();
  EXPECT_OK(jobs.create(job_named("a")));
  const Job job = claimed(jobs, "w");
  EXPECT_OK(jobs.add_event(lease_of(job), "state", "began", Json()));
  EXPECT_EQ(code_of(jobs.remove(kAccount, job.id)), Code::conflict);
  EXPECT_OK(jobs.complete(lease_of(job), {}));
  EXPECT_OK(jobs.remove(kAccount, job.id));
  EXPECT_EQ(code_of(jobs.get(kAccount, job.id)), Code::not_found);
  EXPECT_OK(jobs.create(job_named("a")));  // the name is free again
}

TEST_P(DatabaseConformance, GivesEachJobToOneOfManyThreads) {
  constexpr int kJobs = 60;
  constexpr int kThreads = 4;
  Jobs& jobs = database_->jobs();
  for (int i = 0; i < kJobs; ++i) EXPECT_OK(jobs.create(job_named("job-" + std::to_string(i))));
  std::vector<std::vector<std::string>> claims(kThreads);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&jobs, &mine = claims[static_cast<std::size_t>(t)], t] {
        while (true) {
          const auto job = jobs.claim({"worker-" + std::to_string(t), {}, seconds(10)});
          if (!job || !*job) return;
          mine.push_back((*job)->id);
          static_cast<void>(jobs.complete(lease_of(**job), {}));
        }
      });
    }
  }
  std::map<std::string, int> times;
  for (const auto& mine : claims) {
    for (const std::string& id : mine) ++times[id];
  }
  EXPECT_EQ(times.size(), static_cast<std::size_t>(kJobs));
  for (const auto& [id, count] : times) EXPECT_EQ(count, 1) << id;
  EXPECT_EQ(value_of(jobs.list({.account = kAccount, .states = {JobState::succeeded}}, {})).items.size(),
            static_cast<std::size_t>(kJobs));
}

}  // namespace
}  // namespace outcrop::store::test
