#include "store/sqlite/jobs.h"

#include "crypto/random_bytes.h"
#include "store/sqlite/rows.h"

#include <fmt/format.h>

namespace outcrop::store::sqlite {

const std::string_view kJobColumns =
    "number, account, kind, id, arn, name, state, payload, progress, result, failure, created_at, updated_at, "
    "started_at, ended_at, owner, lease_until, heartbeat_at, attempt, max_attempts";

Job read_job(const Query& row) {
  Job job;
  job.number = row.integer(0);
  job.account = row.text(1);
  job.kind = row.text(2);
  job.id = row.text(3);
  job.arn = row.text(4);
  job.name = row.text(5);
  job.state =
      parse_job_state(row.view(6)).value_or(JobState::failed);  // a CHECK holds the column to the states
  job.payload = read_json(row.view(7));
  job.progress = read_json(row.view(8));
  job.result = read_json(row.view(9));
  job.failure = row.text(10);
  job.created = row.time(11);
  job.updated = row.time(12);
  job.started = row.optional_time(13);
  job.ended = row.optional_time(14);
  job.owner = row.text(15);
  job.lease_until = row.optional_time(16);
  job.heartbeat = row.optional_time(17);
  job.attempt = row.integer(18);
  job.max_attempts = static_cast<int>(row.integer(19));
  return job;
}

namespace {

constexpr std::size_t kIdLength = 12;

Status check_new_job(const NewJob& job) {
  if (job.kind.empty() || job.name.empty())
    return fail(Code::invalid_argument, "a job needs a kind and a name");
  if (job.max_attempts < 1) {
    return fail(Code::invalid_argument,
                fmt::format("job '{}': {} attempts, at least 1 is needed", job.name, job.max_attempts));
  }
  return {};
}

Result<std::optional<Job>> find_where(Connection& connection, const Where& where) {
  return first(
      connection.query(fmt::format("SELECT {} FROM jobs{}", kJobColumns, where.sql()), where.arguments()),
      read_job);
}

tl::unexpected<Error> no_such_job(std::string_view id) {
  return fail(Code::not_found, fmt::format("there is no job '{}'", id));
}

/// The job that an earlier request with this token made.
Result<std::optional<Job>> made_before(Connection& connection, const NewJob& job, std::string_view hash) {
  if (job.request_token.empty()) return std::optional<Job>();
  Where where("account = ", job.account);
  where.add("kind = ", job.kind);
  where.add("request_token = ", job.request_token);
  OUTCROP_TRY(std::optional<Job> found, find_where(connection, where));
  if (!found) return found;
  where.add("request_hash = ", hash);
  OUTCROP_TRY(const std::optional<Job> same, find_where(connection, where));
  if (same) return found;
  return fail(Code::conflict,
              fmt::format("the client request token of job '{}' was used for another request, job '{}'",
                          job.name, found->name));
}

std::string describe(const JobFilter& filter) {
  std::string text = fmt::format("jobs|{}|{}|{}|{}|", filter.account, filter.kind, filter.name_contains,
                                 static_cast<int>(filter.order));
  for (const JobState state : filter.states) text += fmt::format("{},", to_string(state));
  if (filter.created_from) text += fmt::format("from{}", to_milliseconds(*filter.created_from));
  if (filter.created_to) text += fmt::format("to{}", to_milliseconds(*filter.created_to));
  return text;
}

Where where_of(const JobFilter& filter) {
  Where where("account = ", filter.account);
  if (!filter.kind.empty()) where.add("kind = ", filter.kind);
  Values states;
  for (const JobState state : filter.states) states.emplace_back(to_string(state));
  where.add_any_of("state", states);
  if (!filter.name_contains.empty()) where.add("instr(name, ", filter.name_contains, ") > 0");
  if (filter.created_from) where.add("created_at >= ", *filter.created_from);
  if (filter.created_to) where.add("created_at <= ", *filter.created_to);
  return where;
}

}  // namespace

Result<Job> SqliteJobs::create(const NewJob& job) {
  OUTCROP_CHECK_OK(check_new_job(job));
  const std::string payload = job.payload.dump();
  const std::string hash = request_hash({job.kind, job.name, payload});
  OUTCROP_TRY(Pool::Writer writer, pool_.write());
  OUTCROP_TRY(std::optional<Job> earlier, made_before(*writer, job, hash));
  if (earlier) return *std::move(earlier);
  const Time now = clock_();
  const std::string id = job.id.empty() ? crypto::random_id(kIdLength) : job.id;
  auto inserted = writer->run(
      "INSERT INTO jobs (account, kind, id, arn, name, state, payload, request_token, request_hash, "
      "created_at, "
      "updated_at, available_at, max_attempts) VALUES (?1, ?2, ?3, ?4, ?5, 'queued', ?6, ?7, ?8, ?9, ?9, ?9, "
      "?10)",
      {job.account, job.kind, id, null_if_empty(job.arn), job.name, payload, null_if_empty(job.request_token),
       hash, now, job.max_attempts});
  if (!inserted) return insert_failure(inserted, fmt::format("job '{}'", job.name), job.account);
  OUTCROP_TRY(std::optional<Job> made, find_where(*writer, Where("number = ", writer->last_insert_id())));
  OUTCROP_CHECK_OK(writer.commit());
  return *std::move(made);
}

Result<Job> SqliteJobs::get(std::string_view account, std::string_view id) {
  OUTCROP_TRY(const Pool::Reader reader, pool_.read());
  Where where("account = ", account);
  where.add("id = ", id);
  OUTCROP_TRY(std::optional<Job> found, find_where(*reader, where));
  if (!found) return no_such_job(id);
  return *std::move(found);
}

Result<Job> SqliteJobs::find(std::string_view account, std::string_view kind, std::string_view identifier) {
  OUTCROP_TRY(const Pool::Reader reader, pool_.read());
  for (const std::string_view column : {"id = ", "arn = ", "name = "}) {
    Where where("account = ", account);
    where.add("kind = ", kind);
    where.add(column, identifier);
    OUTCROP_TRY(std::optional<Job> found, find_where(*reader, where));
    if (found) return *std::move(found);
  }
  return no_such_job(identifier);
}

Result<Page<Job>> SqliteJobs::list(const JobFilter& filter, const PageRequest& page) {
  OUTCROP_CHECK_OK(check_page_request(page));
  const std::string query = describe(filter);
  Where where = where_of(filter);
  if (!page.token.empty()) {
    OUTCROP_TRY(const PagePlace place, decode_page_token(page.token, query));
    where.add_after(place, filter.order);
  }
  const std::string limit = where.argument(page.max_items + 1);
  OUTCROP_TRY(const Pool::Reader reader, pool_.read());
  OUTCROP_TRY(std::vector<Job> jobs,
              collect(reader->query(fmt::format("SELECT {} FROM jobs{}{} LIMIT {}", kJobColumns, where.sql(),
                                                order_by_creation(filter.order), limit),
                                    where.arguments()),
                      read_job));
  return cut_page(std::move(jobs), page.max_items, query);
}

Status SqliteJobs::remove(std::string_view account, std::string_view id) {
  OUTCROP_TRY(Pool::Writer writer, pool_.write());
  Where where("account = ", account);
  where.add("id = ", id);
  OUTCROP_TRY(const std::optional<Job> found, find_where(*writer, where));
  if (!found) return no_such_job(id);
  if (!has_ended(found->state)) {
    return fail(Code::conflict, fmt::format("job '{}' is {} and must end before it can be removed", found->name,
                                            to_string(found->state)));
  }
  OUTCROP_CHECK_OK(writer->run("DELETE FROM tags WHERE account = ?1 AND arn = ?2", {account, found->arn}));
  OUTCROP_CHECK_OK(writer->run("DELETE FROM jobs WHERE number = ?1", {found->number}));
  return writer.commit();
}

Result<Job> SqliteJobs::request_stop(std::string_view account, std::string_view id) {
  OUTCROP_TRY(Pool::Writer writer, pool_.write());
  OUTCROP_TRY(
      std::optional<Job> stopped,
      first(writer->query(fmt::format("UPDATE jobs SET "
                                      "ended_at = CASE state WHEN 'queued' THEN ?3 END, "
                                      "state = CASE state WHEN 'queued' THEN 'stopped' ELSE 'stopping' END, "
                                      "updated_at = ?3 WHERE account = ?1 AND id = ?2 "
                                      "AND state IN ('queued', 'running', 'stopping') RETURNING {}",
                                      kJobColumns),
                          {account, id, clock_()}),
            read_job));
  if (stopped) {
    OUTCROP_CHECK_OK(writer.commit());
    return *std::move(stopped);
  }
  Where where("account = ", account);
  where.add("id = ", id);
  OUTCROP_TRY(const std::optional<Job> found, find_where(*writer, where));
  if (!found) return no_such_job(id);
  return fail(Code::conflict,
              fmt::format("job '{}' has already ended: it is {}", found->name, to_string(found->state)));
}

Result<std::vector<JobEvent>> SqliteJobs::events(std::string_view account, std::string_view id,
                                                 std::int64_t after_sequence, int max_items) {
  OUTCROP_CHECK_OK(check_page_request({max_items, {}}));
  OUTCROP_TRY(const Pool::Reader reader, pool_.read());
  OUTCROP_TRY(const std::optional<std::int64_t> number,
              reader->integer("SELECT number FROM jobs WHERE account = ?1 AND id = ?2", {account, id}));
  if (!number) return no_such_job(id);
  return collect(
      reader->query("SELECT sequence, time, type, message, detail FROM job_events "
                    "WHERE job = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3",
                    {*number, after_sequence, max_items}),
      [](const Query& row) {
        return JobEvent{row.integer(0), row.time(1), row.text(2), row.text(3), read_json(row.view(4))};
      });
}

}  // namespace outcrop::store::sqlite
