#pragma once
// Accounts over SQLite.

#include "store/accounts.h"
#include "store/sqlite/pool.h"

#include <memory>

namespace outcrop::store::sqlite {

class SqliteAccounts final : public Accounts {
 public:
  SqliteAccounts(Pool& pool, Clock clock, std::shared_ptr<const crypto::Secret> key)
      : pool_(pool), clock_(std::move(clock)), key_(std::move(key)) {}

  Result<Account> create_account(std::string_view id, std::string_view name) override;
  Result<Account> account(std::string_view id) override;
  Result<std::vector<Account>> list_accounts() override;
  Result<AccessKey> create_access_key(const NewAccessKey& key) override;
  Result<AccessKey> access_key(std::string_view id) override;
  Result<std::vector<AccessKey>> list_access_keys(std::string_view account) override;
  Status set_access_key_active(std::string_view account, std::string_view id, bool active) override;
  Status delete_access_key(std::string_view account, std::string_view id) override;
  Result<CreatedApiKey> create_api_key(const NewApiKey& key) override;
  Result<ApiKey> authenticate_api_key(std::string_view text) override;
  Result<std::vector<ApiKey>> list_api_keys(std::string_view account) override;
  Status set_api_key_active(std::string_view account, std::string_view id, bool active) override;
  Status delete_api_key(std::string_view account, std::string_view id) override;

 private:
  Pool& pool_;
  Clock clock_;
  std::shared_ptr<const crypto::Secret> key_;
};

}  // namespace outcrop::store::sqlite
