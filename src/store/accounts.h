#pragma once
// Who may call: accounts, their access keys (SigV4) and their API keys (bearer). Callers: api's authentication,
// service, cli.

#include "base/result.h"
#include "crypto/secret.h"
#include "store/time.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::store {

struct Account {
  std::string id{};    ///< twelve digits
  std::string name{};  ///< for people
  Time created;
};

/// A key pair of Signature Version 4. The secret is a shared one: checking a signature needs it as it is.
struct AccessKey {
  std::string id{};  ///< 16 to 128 of A-Z a-z 0-9 _
  std::string account{};
  std::string user{};     ///< the last part of the caller's ARN
  crypto::Secret secret;  ///< empty in lists
  bool active = true;
  Time created;
};

struct NewAccessKey {
  std::string id{};
  std::string account{};
  std::string user{};
  std::string_view secret{};
};

/// A bearer key as the database knows it: by its hash. The key itself is shown once, when it is made.
struct ApiKey {
  std::string id{};
  std::string account{};
  std::string user{};
  bool active = true;
  Time created;
  std::optional<Time> expires{};
};

struct NewApiKey {
  std::string account{};
  std::string user{};
  std::optional<Time> expires{};  ///< nullopt: never
};

struct CreatedApiKey {
  ApiKey key;
  std::string text{};  ///< what the client presents; kept nowhere
};

/// Thread-safe. not_found names what is missing; already_exists for an id that is taken.
class Accounts {
 public:
  virtual ~Accounts() = default;

  virtual Result<Account> create_account(std::string_view id, std::string_view name) = 0;
  virtual Result<Account> account(std::string_view id) = 0;
  virtual Result<std::vector<Account>> list_accounts() = 0;

  virtual Result<AccessKey> create_access_key(const NewAccessKey& key) = 0;
  /// With its secret; also an inactive one, so that the caller can tell why it is refused.
  virtual Result<AccessKey> access_key(std::string_view id) = 0;
  virtual Result<std::vector<AccessKey>> list_access_keys(std::string_view account) = 0;
  virtual Status set_access_key_active(std::string_view account, std::string_view id, bool active) = 0;
  virtual Status delete_access_key(std::string_view account, std::string_view id) = 0;

  virtual Result<CreatedApiKey> create_api_key(const NewApiKey& key) = 0;
  /// The key that `text` is. permission_denied for an unknown, inactive or expired one: a caller who guesses
  /// learns nothing from the difference.
  virtual Result<ApiKey> authenticate_api_key(std::string_view text) = 0;
  virtual Result<std::vector<ApiKey>> list_api_keys(std::string_view account) = 0;
  virtual Status set_api_key_active(std::string_view account, std::string_view id, bool active) = 0;
  virtual Status delete_api_key(std::string_view account, std::string_view id) = 0;
};

}  // namespace outcrop::store
