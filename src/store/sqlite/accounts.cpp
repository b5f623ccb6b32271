#include "store/sqlite/accounts.h"

#include "crypto/aes_gcm.h"
#include "crypto/hex.h"
#include "crypto/random_bytes.h"
#include "crypto/sha256.h"
#include "store/sqlite/rows.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace outcrop::store::sqlite {
namespace {

constexpr std::size_t kAccountDigits = 12;
constexpr std::size_t kApiKeyBytes = 32;
constexpr std::string_view kApiKeyPrefix = "outcrop-api-key-";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_word(char c) {
  return is_digit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

Status check_access_key(const NewAccessKey& key) {
  // The bounds of IAM's API (AccessKeyMetadata).
  if (key.id.size() < 16 || key.id.size() > 128 || !std::ranges::all_of(key.id, is_word)) {
    return fail(Code::invalid_argument, "an access key's id has 16 to 128 letters, digits or underscores");
  }
  if (key.user.empty() || key.secret.empty()) {
    return fail(Code::invalid_argument, fmt::format("access key '{}' needs a user and a secret", key.id));
  }
  return {};
}

std::string random_hex() {
  std::array<std::byte, kApiKeyBytes> bytes{};
  crypto::fill_random(bytes);
  return crypto::to_hex(bytes);
}

Account read_account(const Query& row) {
  return {row.text(0), row.text(1), row.time(2)};
}

constexpr std::string_view kApiKeyColumns = "id, account, user_name, active, created_at, expires_at";

ApiKey read_api_key(const Query& row) {
  return {row.text(0), row.text(1), row.text(2), row.boolean(3), row.time(4), row.optional_time(5)};
}

tl::unexpected<Error> no_such(std::string_view what, std::string_view id) {
  return fail(Code::not_found, fmt::format("there is no {} '{}'", what, id));
}

/// Changes exactly one row, or says that it is not there.
Status change_one(Pool& pool, std::string_view sql, const Values& arguments, std::string_view what,
                  std::string_view id) {
  OUTCROP_TRY(Pool::Writer writer, pool.write());
  OUTCROP_TRY(const std::int64_t changed, writer->run(sql, arguments));
  if (changed == 0) return no_such(what, id);
  return writer.commit();
}

}  // namespace

Result<Account> SqliteAccounts::create_account(std::string_view id, std::string_view name) {
  if (id.size() != kAccountDigits || !std::ranges::all_of(id, is_digit)) {
    return fail(Code::invalid_argument, fmt::format("account id '{}' is not twelve digits", id));
  }
  OUTCROP_TRY(Pool::Writer writer, pool_.write());
  const Account account{std::string(id), std::string(name), clock_()};
  auto inserted = writer->run("INSERT INTO accounts (id, name, created_at) VALUES (?1, ?2, ?3)",
                              {account.id, account.name, account.created});
  if (!inserted) return forward_error(inserted, fmt::format("account '{}'", id));
  OUTCROP_CHECK_OK(writer.commit());
  return account;
}

Result<Account> SqliteAccounts::account(std::string_view id) {
  OUTCROP_TRY(const Pool::Reader reader, pool_.read());
  OUTCROP_TRY(
      std::optional<Account> found,
      first(reader->query("SELECT id, name, created_at FROM accounts WHERE id = ?1", {id}), read_account));
  if (!found) return no_such("account", id);
  return *std::move(found);
}

Result<std::vector<Account>> SqliteAccounts::list_accounts() {
  OUTCROP_TRY(const Pool::Reader reader, pool_.read());
  return collect(reader->query("SELECT id, name, created_at FROM accounts ORDER BY id"), read_account);
}

Result<AccessKey> SqliteAccounts::create_access_key(const NewAccessKey& key) {
  OUTCROP_CHECK_OK(check_access_key(key));
  std::string secret(key.secret);
  if (key_ != nullptr) {
    OUTCROP_TRY(secret, crypto::seal(*key_, key.secret, key.id));
  }
  OUTCROP_TRY(Pool::Writer writer, pool_.write());
  AccessKey made{key.id, key.account, key.user, crypto::Secret(key.secret), /*active=*/true, clock_()};
  auto inserted = writer->run(
      "INSERT INTO access_keys (id, account, user_name, secret, sealed, created_at) VALUES (?1, ?2, ?3, ?4, "
      "?5, ?6)",
      {key.id, key.account, key.user, Bytes{std::move(secret)}, key_ != nullptr, made.created});
  if (!inserted) return insert_failure(inserted, fmt::format("access key '{}'", key.id), key.account);
  OUTCROP_CHECK_OK(writer.commit());
  return made;
}

Result<AccessKey> SqliteAccounts::access_key(std::string_view id) {
  OUTCROP_TRY(const Pool::Reader reader, pool_.read());
  OUTCROP_TRY(Query row, reader->query("SELECT id, account, user_name, secret, active, created_at, sealed "
                                       "FROM access_keys WHERE id = ?1",
                                       {id}));
  OUTCROP_TRY(const bool found, row.next());
  if (!found) return no_such("access key", id);
  AccessKey key{row.text(0), row.text(1), row.text(2), crypto::Secret(), row.boolean(4), row.time(5)};
  if (!row.boolean(6)) {
    key.secret = crypto::Secret(row.view(3));
    return key;
  }
  if (key_ == nullptr) {
    return fail(Code::unavailable,
                fmt::format("access key '{}' is sealed and no key to open it was given", id));
  }
  OUTCROP_TRY(key.secret, crypto::open_sealed(*key_, row.view(3), id));
  return key;
}

Result<std::vector<AccessKey>> SqliteAccounts::list_access_keys(std::string_view account) {
  OUTCROP_TRY(const Pool::Reader reader, pool_.read());
  return collect(reader->query("SELECT id, account, user_name, active, created_at FROM access_keys "
                               "WHERE account = ?1 ORDER BY created_at, id",
                               {account}),
                 [](const Query& row) {
                   return AccessKey{row.text(0),      row.text(1),    row.text(2),
                                    crypto::Secret(), row.boolean(3), row.time(4)};
                 });
}

Status SqliteAccounts::set_access_key_active(std::string_view account, std::string_view id, bool active) {
  return change_one(pool_, "UPDATE access_keys SET active = ?3 WHERE account = ?1 AND id = ?2",
                    {account, id, active}, "access key", id);
}

Status SqliteAccounts::delete_access_key(std::string_view account, std::string_view id) {
  return change_one(pool_, "DELETE FROM access_keys WHERE account = ?1 AND id = ?2", {account, id},
                    "access key", id);
}

Result<CreatedApiKey> SqliteAccounts::create_api_key(const NewApiKey& key) {
  if (key.user.empty()) return fail(Code::invalid_argument, "an API key needs a user");
  CreatedApiKey made;
  // 256 random bits: one SHA-256 of them hides them as well as a slow hash hides a password.
  made.text = std::string(kApiKeyPrefix) + random_hex();
  OUTCROP_TRY(Pool::Writer writer, pool_.write());
  made.key = {crypto::random_id(20), key.account, key.user, /*active=*/true, clock_(), key.expires};
  auto inserted = writer->run(
      "INSERT INTO api_keys (id, account, user_name, hash, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, "
      "?6)",
      {made.key.id, key.account, key.user, crypto::sha256_hex(made.text), made.key.created, key.expires});
  if (!inserted) return insert_failure(inserted, "API key", key.account);
  OUTCROP_CHECK_OK(writer.commit());
  return made;
}

Result<ApiKey> SqliteAccounts::authenticate_api_key(std::string_view text) {
  OUTCROP_TRY(const Pool::Reader reader, pool_.read());
  OUTCROP_TRY(std::optional<ApiKey> key,
              first(reader->query(fmt::format("SELECT {} FROM api_keys WHERE hash = ?1", kApiKeyColumns),
                                  {crypto::sha256_hex(text)}),
                    read_api_key));
  if (!key || !key->active || (key->expires && *key->expires <= clock_())) {
    return fail(Code::permission_denied, "the API key is not valid");
  }
  return *std::move(key);
}

Result<std::vector<ApiKey>> SqliteAccounts::list_api_keys(std::string_view account) {
  OUTCROP_TRY(const Pool::Reader reader, pool_.read());
  return collect(reader->query(fmt::format("SELECT {} FROM api_keys WHERE account = ?1 ORDER BY created_at, id",
                                           kApiKeyColumns),
                               {account}),
                 read_api_key);
}

Status SqliteAccounts::set_api_key_active(std::string_view account, std::string_view id, bool active) {
  return change_one(pool_, "UPDATE api_keys SET active = ?3 WHERE account = ?1 AND id = ?2",
                    {account, id, active}, "API key", id);
}

Status SqliteAccounts::delete_api_key(std::string_view account, std::string_view id) {
  return change_one(pool_, "DELETE FROM api_keys WHERE account = ?1 AND id = ?2", {account, id}, "API key", id);
}

}  // namespace outcrop::store::sqlite
