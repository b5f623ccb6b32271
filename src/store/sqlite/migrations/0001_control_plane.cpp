#include "store/sqlite/migrations/migrations.h"

namespace outcrop::store::sqlite {

const char kMigration0001[] = R"sql(
CREATE TABLE accounts (
  id         TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE access_keys (
  id         TEXT PRIMARY KEY,
  account    TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  user_name  TEXT NOT NULL,
  secret     BLOB NOT NULL,
  sealed     INTEGER NOT NULL,          -- 1: the secret is encrypted
  active     INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX access_keys_by_account ON access_keys (account, created_at);

CREATE TABLE api_keys (
  id         TEXT PRIMARY KEY,
  account    TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  user_name  TEXT NOT NULL,
  hash       TEXT NOT NULL UNIQUE,      -- SHA-256 of the key; the key itself is kept nowhere
  active     INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  expires_at INTEGER
) STRICT;
CREATE INDEX api_keys_by_account ON api_keys (account, created_at);

CREATE TABLE jobs (
  number        INTEGER PRIMARY KEY AUTOINCREMENT,
  account       TEXT NOT NULL REFERENCES accounts (id),
  kind          TEXT NOT NULL,
  id            TEXT NOT NULL UNIQUE,
  arn           TEXT UNIQUE,
  name          TEXT NOT NULL,
  state         TEXT NOT NULL
                CHECK (state IN ('queued', 'running', 'stopping', 'succeeded', 'failed', 'stopped')),
  payload       TEXT NOT NULL,
  progress      TEXT NOT NULL DEFAULT 'null',
  result        TEXT NOT NULL DEFAULT 'null',
  failure       TEXT NOT NULL DEFAULT '',
  request_token TEXT,
  request_hash  TEXT NOT NULL,
  created_at    INTEGER NOT NULL,
  updated_at    INTEGER NOT NULL,
  started_at    INTEGER,
  ended_at      INTEGER,
  available_at  INTEGER NOT NULL,       -- not claimed before
  owner         TEXT NOT NULL DEFAULT '',
  lease_until   INTEGER,
  heartbeat_at  INTEGER,
  attempt       INTEGER NOT NULL DEFAULT 0,
  max_attempts  INTEGER NOT NULL,
  UNIQUE (account, kind, name),
  UNIQUE (account, kind, request_token),
  CHECK ((lease_until IS NOT NULL) = (state IN ('running', 'stopping')))
) STRICT;
CREATE INDEX jobs_by_creation ON jobs (account, created_at, number);
CREATE INDEX jobs_waiting ON jobs (available_at, number) WHERE state = 'queued';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE lease_until IS NOT NULL;

CREATE TABLE job_events (
  job      INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
  sequence INTEGER NOT NULL,
  time     INTEGER NOT NULL,
  type     TEXT NOT NULL,
  message  TEXT NOT NULL,
  detail   TEXT NOT NULL,
  PRIMARY KEY (job, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE resources (
  number        INTEGER PRIMARY KEY AUTOINCREMENT,
  account       TEXT NOT NULL REFERENCES accounts (id),
  kind          TEXT NOT NULL,
  parent        TEXT NOT NULL,          -- '' for most kinds
  id            TEXT NOT NULL,
  arn           TEXT UNIQUE,
  name          TEXT,
  status        TEXT NOT NULL,
  body          TEXT NOT NULL,
  revision      INTEGER NOT NULL DEFAULT 1,
  request_token TEXT,
  request_hash  TEXT NOT NULL,
  created_at    INTEGER NOT NULL,
  updated_at    INTEGER NOT NULL,
  UNIQUE (account, kind, parent, id),
  UNIQUE (account, kind, parent, name),
  UNIQUE (account, kind, parent, request_token)
) STRICT;
CREATE INDEX resources_by_creation ON resources (account, kind, created_at, number);
CREATE INDEX resources_by_parent ON resources (account, parent) WHERE parent <> '';

CREATE TABLE tags (
  account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  arn     TEXT NOT NULL,
  key     TEXT NOT NULL,
  value   TEXT NOT NULL,
  PRIMARY KEY (account, arn, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE settings (
  account    TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  name       TEXT NOT NULL,
  value      TEXT NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;
)sql";

}  // namespace outcrop::store::sqlite
