#include "service/customize_data.h"

#include "service/tiny_model.h"

#include <algorithm>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outcrop::service {
namespace {

using testing::HasSubstr;

TEST(CustomizeData, NamesRecordsWithTokensThatTheModelHasNoRowFor) {
  const TinyHome home;
  const auto loaded = model::Library::open(home.home())->load(TinyHome::kModel);
  ASSERT_TRUE(loaded);
  const model::TextSide& text = *loaded->model->text();
  const Path train = home.write("train.jsonl",
                                "{\"prompt\": \"!\", \"completion\": \"!\"}\n"
                                "{\"prompt\": \"the\", \"completion\": \"the the\"}\n");
  auto data = load_customize_data(train, {}, text, {});
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_TRUE(check_vocabulary(data->training, train, text.tokenizer, 421));
  // The second record alone has this token.
  const TokenId the = text.tokenizer.encode("the the", Tokenizer::Specials::plain)->back();
  std::vector<TokenId>& tokens = data->training.tokens;
  ASSERT_EQ(std::find(tokens.begin(), tokens.begin() + data->training.starts[1], the),
            tokens.begin() + data->training.starts[1]);
  std::replace(tokens.begin(), tokens.end(), the, TokenId{421});
  const Status refused = check_vocabulary(data->training, train, text.tokenizer, 421);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid_argument);
  EXPECT_THAT(refused.error().message, HasSubstr("train.jsonl: line 2: token"));
  const Status all = check_vocabulary(data->training, train, text.tokenizer, 10);
  ASSERT_FALSE(all);
  EXPECT_THAT(all.error().message, HasSubstr("2 problems"));
}

}  // namespace
}  // namespace outcrop::service
