#include "conformance.h"

#include <gmock/gmock.h>

namespace outcrop::store::test {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kKeyId = "AKIAOUTCROPEXAMPLE00";

TEST_P(DatabaseConformance, KeepsAccountsById) {
  EXPECT_EQ(value_of(database_->accounts().account(kAccount)).name, "first");
  EXPECT_EQ(code_of(database_->accounts().account("222222222222")), Code::not_found);
  EXPECT_EQ(code_of(database_->accounts().create_account(kAccount, "again")), Code::already_exists);
  EXPECT_THAT(value_of(database_->accounts().list_accounts()), SizeIs(2));
}

TEST_P(DatabaseConformance, RefusesAccountIdsThatAreNotTwelveDigits) {
  for (const char* id : {"", "12345678901", "1234567890123", "12345678901a"}) {
    EXPECT_EQ(code_of(database_->accounts().create_account(id, "x")), Code::invalid_argument) << id;
  }
}

TEST_P(DatabaseConformance, GivesASecretToTheOneWhoAsksForItsKeyOnly) {
  Accounts& accounts = database_->accounts();
  EXPECT_OK(accounts.create_access_key({kKeyId, kAccount, "alice", "secret/+text"}));
  EXPECT_EQ(value_of(accounts.access_key(kKeyId)).secret.view(), "secret/+text");
  const std::vector<AccessKey> keys = value_of(accounts.list_access_keys(kAccount));
  ASSERT_THAT(keys, SizeIs(1));
  EXPECT_EQ(keys[0].secret.view(), "");
  EXPECT_EQ(keys[0].user, "alice");
  EXPECT_THAT(value_of(accounts.list_access_keys(kOtherAccount)), IsEmpty());
}

TEST_P(DatabaseConformance, SwitchesAccessKeysOffAndDeletesThem) {
  Accounts& accounts = database_->accounts();
  EXPECT_OK(accounts.create_access_key({kKeyId, kAccount, "alice", "secret"}));
  EXPECT_OK(accounts.set_access_key_active(kAccount, kKeyId, false));
  EXPECT_FALSE(value_of(accounts.access_key(kKeyId)).active);
  EXPECT_EQ(code_of(accounts.set_access_key_active(kOtherAccount, kKeyId, true)), Code::not_found);
  EXPECT_EQ(code_of(accounts.delete_access_key(kOtherAccount, kKeyId)), Code::not_found);
  EXPECT_OK(accounts.delete_access_key(kAccount, kKeyId));
  EXPECT_EQ(code_of(accounts.access_key(kKeyId)), Code::not_found);
}

TEST_P(DatabaseConformance, RefusesMalformedAccessKeys) {
  Accounts& accounts = database_->accounts();
  EXPECT_EQ(code_of(accounts.create_access_key({"short", kAccount, "alice", "s"})), Code::invalid_argument);
  EXPECT_EQ(code_of(accounts.create_access_key({"AKIAOUTCROP/EXAMPLE0", kAccount, "alice", "s"})),
            Code::invalid_argument);
  EXPECT_EQ(code_of(accounts.create_access_key({kKeyId, kAccount, "", "s"})), Code::invalid_argument);
  EXPECT_EQ(code_of(accounts.create_access_key({kKeyId, kAccount, "alice", ""})), Code::invalid_argument);
  EXPECT_EQ(code_of(accounts.create_access_key({kKeyId, "222222222222", "alice", "s"})), Code::not_found);
}

TEST_P(DatabaseConformance, AuthenticatesAnApiKeyByItsText) {
  Accounts& accounts = database_->accounts();
  const CreatedApiKey made = value_of(accounts.create_api_key({kAccount, "alice", std::nullopt}));
  const ApiKey found = value_of(accounts.authenticate_api_key(made.text));
  EXPECT_EQ(found.id, made.key.id);
  EXPECT_EQ(found.account, kAccount);
  EXPECT_EQ(found.user, "alice");
  EXPECT_EQ(code_of(accounts.authenticate_api_key(made.text + "0")), Code::permission_denied);
  EXPECT_EQ(code_of(accounts.authenticate_api_key("")), Code::permission_denied);
}

TEST_P(DatabaseConformance, RefusesApiKeysThatAreExpiredSwitchedOffOrDeleted) {
  Accounts& accounts = database_->accounts();
  const CreatedApiKey brief =
      value_of(accounts.create_api_key({kAccount, "alice", clock_.now() + std::chrono::hours(1)}));
  EXPECT_OK(accounts.authenticate_api_key(brief.text));
  clock_.advance(std::chrono::hours(1));
  EXPECT_EQ(code_of(accounts.authenticate_api_key(brief.text)), Code::permission_denied);

  const CreatedApiKey lasting = value_of(accounts.create_api_key({kAccount, "alice", std::nullopt}));
  EXPECT_OK(accounts.set_api_key_active(kAccount, lasting.key.id, false));
  EXPECT_EQ(code_of(accounts.authenticate_api_key(lasting.text)), Code::permission_denied);
  EXPECT_OK(accounts.set_api_key_active(kAccount, lasting.key.id, true));
  EXPECT_OK(accounts.authenticate_api_key(lasting.text));
  EXPECT_OK(accounts.delete_api_key(kAccount, lasting.key.id));
  EXPECT_EQ(code_of(accounts.authenticate_api_key(lasting.text)), Code::permission_denied);
  EXPECT_THAT(value_of(accounts.list_api_keys(kAccount)), SizeIs(1));
}

}  // namespace
}  // namespace outcrop::store::test
