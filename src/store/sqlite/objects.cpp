#include "store/sqlite/objects.h"

namespace outcrop::store::sqlite {
namespace {

constexpr std::string_view kIsReferenced = "SELECT EXISTS (SELECT 1 FROM segments WHERE blob = ?1)";

}  // namespace

Status SqliteObjectIndex::read(const Body& body) {
  OUTCROP_TRY(const Pool::Reader reader, pool_.read());
  OUTCROP_TRY(Transaction transaction, Transaction::begin(*reader, Transaction::Mode::read));
  SqliteObjectTransaction view(*reader);
  OUTCROP_CHECK_OK(body(view));
  return transaction.commit();
}

Result<std::vector<std::string>> SqliteObjectIndex::write(const Body& body) {
  OUTCROP_TRY(Pool::Writer writer, pool_.write());
  SqliteObjectTransaction transaction(*writer);
  OUTCROP_CHECK_OK(body(transaction));
  OUTCROP_TRY(std::vector<std::string> freed, transaction.freed_blobs());
  OUTCROP_CHECK_OK(writer.commit());
  return freed;
}

Result<bool> SqliteObjectIndex::is_referenced(std::string_view blob) {
  OUTCROP_TRY(const Pool::Reader reader, pool_.read());
  OUTCROP_TRY(const std::optional<std::int64_t> found, reader->integer(kIsReferenced, {blob}));
  return found == 1;
}

Result<std::vector<std::string>> SqliteObjectTransaction::freed_blobs() {
  std::vector<std::string> freed;
  for (const std::string& blob : released_) {
    OUTCROP_TRY(const std::optional<std::int64_t> found, connection_.integer(kIsReferenced, {blob}));
    if (found != 1) freed.push_back(blob);
  }
  return freed;
}

Result<std::int64_t> SqliteObjectTransaction::insert_content(const Content& content) {
  OUTCROP_CHECK_OK(connection_.run("INSERT INTO contents DEFAULT VALUES"));
  const std::int64_t id = connection_.last_insert_id();
  std::int64_t ordinal = 0;
  for (const Segment& segment : content) {
    OUTCROP_CHECK_OK(connection_.run(
        "INSERT INTO segments (content, ordinal, blob, start, size) VALUES (?1, ?2, ?3, ?4, ?5)",
        {id, ordinal++, segment.blob, segment.offset, segment.size}));
  }
  return id;
}

Status SqliteObjectTransaction::delete_content(std::int64_t content) {
  OUTCROP_TRY(const std::vector<std::string> blobs,
              collect(connection_.query("SELECT DISTINCT blob FROM segments WHERE content = ?1", {content}),
                      [](const Query& row) { return row.text(0); }));
  released_.insert(blobs.begin(), blobs.end());
  OUTCROP_CHECK_OK(connection_.run("DELETE FROM contents WHERE id = ?1", {content}));
  return {};
}

Result<Content> SqliteObjectTransaction::read_content(std::string_view sql, const Values& arguments) {
  return collect(connection_.query(sql, arguments), [](const Query& row) {
    return Segment{row.text(0), static_cast<std::uint64_t>(row.integer(1)),
                   static_cast<std::uint64_t>(row.integer(2))};
  });
}

}  // namespace outcrop::store::sqlite
