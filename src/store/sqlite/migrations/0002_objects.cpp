#include "store/sqlite/migrations/migrations.h"

namespace outcrop::store::sqlite {

const char kMigration0002[] = R"sql(
CREATE TABLE buckets (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  name       TEXT NOT NULL UNIQUE,
  account    TEXT NOT NULL REFERENCES accounts (id),
  created_at INTEGER NOT NULL,
  versioning TEXT NOT NULL CHECK (versioning IN ('off', 'enabled', 'suspended'))
) STRICT;
CREATE INDEX buckets_by_account ON buckets (account, name);

-- The bytes of one object version or one uploaded part: its segments in order. A blob is needed as long as a
-- segment names it, so there is no counter that could drift.
CREATE TABLE contents (
  id INTEGER PRIMARY KEY AUTOINCREMENT
) STRICT;
CREATE TABLE segments (
  content INTEGER NOT NULL REFERENCES contents (id) ON DELETE CASCADE,
  ordinal INTEGER NOT NULL,
  blob    TEXT NOT NULL,
  start   INTEGER NOT NULL,
  size    INTEGER NOT NULL,
  PRIMARY KEY (content, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX segments_by_blob ON segments (blob);

CREATE TABLE object_versions (
  number             INTEGER PRIMARY KEY AUTOINCREMENT,   -- the newest of a key has the greatest
  bucket             INTEGER NOT NULL REFERENCES buckets (id),
  key                BLOB NOT NULL,
  version_id         TEXT NOT NULL,                       -- 'null': written without versioning
  latest             INTEGER NOT NULL,
  delete_marker      INTEGER NOT NULL,
  size               INTEGER NOT NULL,
  etag               TEXT NOT NULL,
  modified_at        INTEGER NOT NULL,
  checksum_algorithm TEXT NOT NULL,
  checksum           TEXT NOT NULL,
  checksum_type      TEXT NOT NULL,
  headers            TEXT NOT NULL,
  metadata           TEXT NOT NULL,
  tags               TEXT NOT NULL,
  content            INTEGER REFERENCES contents (id),    -- NULL for delete markers
  UNIQUE (bucket, key, version_id)
) STRICT;
CREATE UNIQUE INDEX object_versions_latest ON object_versions (bucket, key) WHERE latest = 1;
CREATE INDEX object_versions_current ON object_versions (bucket, key) WHERE latest = 1 AND delete_marker = 0;
CREATE INDEX object_versions_newest ON object_versions (bucket, key, number DESC);
CREATE INDEX object_versions_content ON object_versions (content);

-- Of objects that were uploaded in parts.
CREATE TABLE object_parts (
  version  INTEGER NOT NULL REFERENCES object_versions (number) ON DELETE CASCADE,
  number   INTEGER NOT NULL,
  size     INTEGER NOT NULL,
  checksum TEXT NOT NULL,
  PRIMARY KEY (version, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE uploads (
  number             INTEGER PRIMARY KEY AUTOINCREMENT,
  bucket             INTEGER NOT NULL REFERENCES buckets (id),
  key                BLOB NOT NULL,
  id                 TEXT NOT NULL UNIQUE,
  initiated_at       INTEGER NOT NULL,
  headers            TEXT NOT NULL,
  metadata           TEXT NOT NULL,
  tags               TEXT NOT NULL,
  checksum_algorithm TEXT NOT NULL,
  checksum_type      TEXT NOT NULL
) STRICT;
CREATE INDEX uploads_by_key ON uploads (bucket, key, number);

CREATE TABLE upload_parts (
  upload      INTEGER NOT NULL REFERENCES uploads (number),
  number      INTEGER NOT NULL,
  size        INTEGER NOT NULL,
  etag        TEXT NOT NULL,
  checksum    TEXT NOT NULL,
  modified_at INTEGER NOT NULL,
  content     INTEGER NOT NULL REFERENCES contents (id),
  PRIMARY KEY (upload, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX upload_parts_content ON upload_parts (content);
)sql";

}  // namespace outcrop::store::sqlite
