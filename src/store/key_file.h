#pragma once
// The key that seals the accounts' secrets, in a file beside the database. Whoever has only the database, a
// backup for example, cannot sign requests. Caller: app, when it opens the store.

#include "base/files.h"
#include "base/result.h"
#include "crypto/secret.h"

namespace outcrop::store {

/// The key in `file` (32 bytes as 64 hexadecimal digits); made, mode 0600, when the file is not there, also
/// when two processes start at once. corrupt_data: the file holds something else; permission_denied: others may
/// read it.
Result<crypto::Secret> load_or_create_key(const Path& file);

}  // namespace outcrop::store
