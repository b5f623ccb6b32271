#include "store/sqlite/jobs.h"
#include "store/sqlite/rows.h"

#include <fmt/format.h>

namespace outcrop::store::sqlite {
namespace {

/// Holds for the row of a lease that is still the job's: arguments 1 to 3 are id, owner and attempt. A lease
/// that has run out but that nobody has taken away yet still counts.
constexpr std::string_view kFence = "id = ?1 AND owner = ?2 AND attempt = ?3 AND lease_until IS NOT NULL";

Values fenced(const JobLease& lease, const Values& more) {
  Values arguments = {lease.job_id, lease.owner, lease.attempt};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

tl::unexpected<Error> lease_lost(const JobLease& lease) {
  return fail(Code::conflict, fmt::format("worker '{}' no longer holds the lease of job '{}' (attempt {})",
                                          lease.owner, lease.job_id, lease.attempt));
}

/// Changes the job of a lease that still holds, and nothing otherwise. `changes` may use ?4 and further.
Result<Job> update_leased(Pool& pool, const JobLease& lease, std::string_view changes, const Values& more) {
  OUTCROP_TRY(Pool::Writer writer, pool.write());
  OUTCROP_TRY(
      std::optional<Job> job,
      first(writer->query(fmt::format("UPDATE jobs SET {} WHERE {} RETURNING {}", changes, kFence, kJobColumns),
                          fenced(lease, more)),
            read_job));
  if (!job) return lease_lost(lease);
  OUTCROP_CHECK_OK(writer.commit());
  return *std::move(job);
}

constexpr std::string_view kNoLease = "owner = '', lease_until = NULL, heartbeat_at = NULL";

}  // namespace

Result<std::optional<Job>> SqliteJobs::claim(const ClaimRequest& request) {
  if (request.owner.empty()) return fail(Code::invalid_argument, "a claim needs an owner");
  const Time now = clock_();
  Where where("available_at <= ", now);
  Values kinds;
  for (const std::string& kind : request.kinds) kinds.emplace_back(kind);
  where.add_any_of("kind", kinds);
  const std::string owner = where.argument(request.owner);
  const std::string until = where.argument(now + request.lease);
  OUTCROP_TRY(Pool::Writer writer, pool_.write());
  // ?1 is the present. Fair between accounts: whoever has the fewest jobs running comes first.
  OUTCROP_TRY(
      std::optional<Job> job,
      first(
          writer->query(
              fmt::format("UPDATE jobs SET state = 'running', owner = {}, lease_until = {}, heartbeat_at = ?1, "
                          "attempt = attempt + 1, started_at = coalesce(started_at, ?1), updated_at = ?1 "
                          "WHERE number = (SELECT number FROM jobs AS waiting{} AND state = 'queued' ORDER BY "
                          "(SELECT count(*) FROM jobs AS other WHERE other.lease_until IS NOT NULL AND "
                          "other.account = waiting.account), number LIMIT 1) RETURNING {}",
                          owner, until, where.sql(), kJobColumns),
              where.arguments()),
          read_job));
  OUTCROP_CHECK_OK(writer.commit());
  return job;
}

Result<Job> SqliteJobs::heartbeat(const JobLease& lease, Duration extension) {
  const Time now = clock_();
  return update_leased(pool_, lease, "heartbeat_at = ?4, lease_until = ?5", {now, now + extension});
}

Status SqliteJobs::set_progress(const JobLease& lease, const Json& progress) {
  Result<Job> job = update_leased(pool_, lease, "progress = ?4, updated_at = ?5", {progress.dump(), clock_()});
  if (!job) return forward_error(job);
  return {};
}

Result<Job> SqliteJobs::complete(const JobLease& lease, const JobOutcome& outcome) {
  if (!has_ended(outcome.state)) {
    return fail(Code::invalid_argument,
                fmt::format("job '{}' cannot end as {}", lease.job_id, to_string(outcome.state)));
  }
  return update_leased(
      pool_, lease,
      fmt::format("state = ?4, result = ?5, failure = ?6, ended_at = ?7, updated_at = ?7, {}", kNoLease),
      {to_string(outcome.state), outcome.result.dump(), outcome.failure, clock_()});
}

Result<Job> SqliteJobs::release(const JobLease& lease, Duration delay) {
  const Time now = clock_();
  // max_attempts grows with the attempt, which must not fall: it is the fencing token.
  return update_leased(pool_, lease,
                       fmt::format("ended_at = CASE state WHEN 'stopping' THEN ?4 END, "
                                   "state = CASE state WHEN 'stopping' THEN 'stopped' ELSE 'queued' END, "
                                   "max_attempts = max_attempts + 1, available_at = ?5, updated_at = ?4, {}",
                                   kNoLease),
                       {now, now + delay});
}

Result<std::vector<Job>> SqliteJobs::recover_expired() {
  const Time now = clock_();
  OUTCROP_TRY(Pool::Writer writer, pool_.write());
  OUTCROP_TRY(
      std::vector<Job> jobs,
      collect(
          writer->query(
              fmt::format(
                  "UPDATE jobs SET "
                  "failure = CASE WHEN state = 'running' AND attempt >= max_attempts THEN "
                  "'the worker was lost in attempt ' || attempt || ' of ' || max_attempts ELSE failure END, "
                  "ended_at = CASE WHEN state = 'stopping' OR attempt >= max_attempts THEN ?1 END, "
                  "state = CASE WHEN state = 'stopping' THEN 'stopped' "
                  "WHEN attempt >= max_attempts THEN 'failed' ELSE 'queued' END, "
                  "available_at = ?1, updated_at = ?1, {} WHERE lease_until < ?1 RETURNING {}",
                  kNoLease, kJobColumns),
              {now}),
          read_job));
  OUTCROP_CHECK_OK(writer.commit());
  return jobs;
}

Result<std::int64_t> SqliteJobs::add_event(const JobLease& lease, std::string_view type,
                                           std::string_view message, const Json& detail) {
  OUTCROP_TRY(Pool::Writer writer, pool_.write());
  OUTCROP_TRY(const std::optional<std::int64_t> number,
              writer->integer(fmt::format("SELECT number FROM jobs WHERE {}", kFence), fenced(lease, {})));
  if (!number) return lease_lost(lease);
  OUTCROP_TRY(const std::optional<std::int64_t> sequence,
              writer->integer("INSERT INTO job_events (job, sequence, time, type, message, detail) VALUES (?1, "
                              "(SELECT coalesce(max(sequence), 0) + 1 FROM job_events WHERE job = ?1), "
                              "?2, ?3, ?4, ?5) RETURNING sequence",
                              {*number, clock_(), type, message, detail.dump()}));
  OUTCROP_CHECK_OK(writer.commit());
  return sequence.value_or(0);
}

}  // namespace outcrop::store::sqlite
