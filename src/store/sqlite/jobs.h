#pragma once
// Jobs over SQLite. What users ask for stands in jobs.cpp, what workers do in job_leases.cpp.

#include "store/jobs.h"
#include "store/sqlite/pool.h"

namespace outcrop::store::sqlite {

class SqliteJobs final : public Jobs {
 public:
  SqliteJobs(Pool& pool, Clock clock) : pool_(pool), clock_(std::move(clock)) {}

  Result<Job> create(const NewJob& job) override;
  Result<Job> get(std::string_view account, std::string_view id) override;
  Result<Job> find(std::string_view account, std::string_view kind, std::string_view identifier) override;
  Result<Page<Job>> list(const JobFilter& filter, const PageRequest& page) override;
  Status remove(std::string_view account, std::string_view id) override;
  Result<Job> request_stop(std::string_view account, std::string_view id) override;
  Result<std::vector<JobEvent>> events(std::string_view account, std::string_view id,
                                       std::int64_t after_sequence, int max_items) override;

  Result<std::optional<Job>> claim(const ClaimRequest& request) override;
  Result<Job> heartbeat(const JobLease& lease, Duration extension) override;
  Status set_progress(const JobLease& lease, const Json& progress) override;
  Result<Job> complete(const JobLease& lease, const JobOutcome& outcome) override;
  Result<Job> release(const JobLease& lease, Duration delay) override;
  Result<std::vector<Job>> recover_expired() override;
  Result<std::int64_t> add_event(const JobLease& lease, std::string_view type, std::string_view message,
                                 const Json& detail) override;

 private:
  Pool& pool_;
  Clock clock_;
};

/// The columns that read_job reads, in its order.
extern const std::string_view kJobColumns;
Job read_job(const Query& row);

}  // namespace outcrop::store::sqlite
