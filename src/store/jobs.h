#pragma once
// The job table: what was asked for, who works on it under which lease, and what came of it. Callers: service
// (create, list, stop), the jobs room (claim, heartbeat, complete).
//
//   queued --claim--> running --complete--> succeeded | failed
//     ^  |               |   \--request_stop--> stopping --complete--> stopped (or succeeded, failed)
//     |  \-request_stop--|--> stopped
//     \--lease expired---/        (after the last attempt: failed; while stopping: stopped)

#include "base/result.h"
#include "json/json.h"
#include "store/page.h"
#include "store/time.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::store {

enum class JobState : std::uint8_t { queued, running, stopping, succeeded, failed, stopped };

std::string_view to_string(JobState state) noexcept;
std::optional<JobState> parse_job_state(std::string_view text) noexcept;
inline bool has_ended(JobState state) noexcept {
  return state == JobState::succeeded || state == JobState::failed || state == JobState::stopped;
}

struct NewJob {
  std::string account{};
  std::string kind{};           ///< "model-customization", "evaluation", …
  std::string id{};             ///< empty: twelve random characters; unique in the whole database
  std::string arn{};            ///< unique when not empty
  std::string name{};           ///< unique within account and kind
  Json payload{};               ///< what to do; never changes
  std::string request_token{};  ///< empty: not idempotent
  int max_attempts = 3;         ///< claims until an expired lease means failure; at least 1
};

struct Job {
  std::int64_t number = 0;  ///< order of creation
  std::string account, kind, id, arn, name;
  JobState state = JobState::queued;
  Json payload{};
  Json progress{};        ///< what the worker last told: phases, counters
  Json result{};          ///< of a job that ended
  std::string failure{};  ///< why it failed; empty otherwise
  Time created, updated;
  std::optional<Time> started, ended;
  std::string owner{};  ///< of the lease; empty: no lease
  std::optional<Time> lease_until, heartbeat;
  std::int64_t attempt = 0;  ///< claims so far: the fencing token
  int max_attempts = 0;
};

/// Proof of a claim. A worker whose lease was lost holds an old attempt, and everything it writes is refused.
struct JobLease {
  std::string job_id{};
  std::string owner{};
  std::int64_t attempt = 0;
};

struct ClaimRequest {
  std::string owner{};               ///< host, process, start: unique among workers
  std::vector<std::string> kinds{};  ///< empty: any
  Duration lease{std::chrono::seconds(30)};
};

struct JobOutcome {
  JobState state = JobState::succeeded;  ///< succeeded, failed or stopped
  Json result{};
  std::string failure{};
};

struct JobFilter {
  std::string account{};
  std::string kind{};                  ///< empty: any
  std::vector<JobState> states{};      ///< empty: any
  std::string name_contains{};         ///< as written, case matters
  std::optional<Time> created_from{};  ///< inclusive
  std::optional<Time> created_to{};    ///< inclusive
  SortOrder order = SortOrder::descending;
};

struct JobEvent {
  std::int64_t sequence = 0;  ///< 1, 2, 3 … within the job
  Time time;
  std::string type{};  ///< "state", "metrics", "checkpoint", "message", …
  std::string message{};
  Json detail{};
};

/// Thread-safe, and safe between processes: each queued job is claimed once. Times are the database's.
class Jobs {
 public:
  virtual ~Jobs() = default;

  /// The same token again gives the job made first, if kind, name and payload are the same, else conflict.
  /// already_exists when the name, id or ARN is taken.
  virtual Result<Job> create(const NewJob& job) = 0;
  virtual Result<Job> get(std::string_view account, std::string_view id) = 0;
  /// By id, ARN or name.
  virtual Result<Job> find(std::string_view account, std::string_view kind, std::string_view identifier) = 0;
  /// By time of creation.
  virtual Result<Page<Job>> list(const JobFilter& filter, const PageRequest& page) = 0;
  /// An ended job with its events; conflict for one that has not ended.
  virtual Status remove(std::string_view account, std::string_view id) = 0;
  /// A queued job stops at once, a running one is stopping until its worker ends it; conflict for an ended job.
  virtual Result<Job> request_stop(std::string_view account, std::string_view id) = 0;

  /// The oldest queued job of the account with the fewest running ones; nullopt: nothing to do.
  virtual Result<std::optional<Job>> claim(const ClaimRequest& request) = 0;
  /// Extends the lease to now + `lease`; the returned state says whether to stop. conflict: the lease is lost.
  virtual Result<Job> heartbeat(const JobLease& lease, Duration extension) = 0;
  virtual Status set_progress(const JobLease& lease, const Json& progress) = 0;
  /// Ends the job. conflict: the lease is lost, and nothing was written.
  virtual Result<Job> complete(const JobLease& lease, const JobOutcome& outcome) = 0;
  /// Gives the job back, to be claimed again after `delay` (a worker that shuts down). Does not use up an
  /// attempt.
  virtual Result<Job> release(const JobLease& lease, Duration delay) = 0;
  /// Jobs whose lease has run out: queued again, failed after their last attempt, stopped when they were to
  /// stop.
  virtual Result<std::vector<Job>> recover_expired() = 0;

  /// Written by the holder of the lease; conflict when it is lost. Gives the event's sequence number.
  virtual Result<std::int64_t> add_event(const JobLease& lease, std::string_view type, std::string_view message,
                                         const Json& detail) = 0;
  /// Events after `after_sequence` in order, at most `max_items`.
  virtual Result<std::vector<JobEvent>> events(std::string_view account, std::string_view id,
                                               std::int64_t after_sequence, int max_items) = 0;
};

inline JobLease lease_of(const Job& job) {
  return {job.id, job.owner, job.attempt};
}

}  // namespace outcrop::store
