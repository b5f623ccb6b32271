#pragma once
// The schema's versions and the way from one to the next. Private to the SQLite implementation.

#include "base/result.h"
#include "store/sqlite/connection.h"

#include <span>

namespace outcrop::store::sqlite {

/// Migration i of the list makes version i + 1 out of version i. A migration that was released never changes; a
/// change of the schema is a new one at the end, with a fixture of its version under tests/store/fixtures.
std::span<const char* const> migrations();

/// Brings the file to the newest version, each step in a transaction of its own, and refuses a file that is
/// another program's (corrupt_data) or of a newer version (unsupported).
Status migrate(Connection& connection, const Path& file);

/// corrupt_data with SQLite's first finding.
Status check_integrity(Connection& connection, const Path& file);

}  // namespace outcrop::store::sqlite
