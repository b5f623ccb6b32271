// The border of the Rust bridge itself, by its C header.
#include "../bridge/include/outcrop_bridge.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace outcrop {
namespace {

std::string take(outcrop_bridge_buffer buffer) {
  std::string text = buffer.data == nullptr ? std::string() : std::string(buffer.data, buffer.size);
  outcrop_bridge_buffer_free(buffer);
  return text;
}

outcrop_bridge_status check_schema(std::string_view schema, std::string& message) {
  outcrop_bridge_buffer error{};
  const auto status = outcrop_grammar_check_json_schema({schema.data(), schema.size()}, &error);
  message = take(error);
  return status;
}

TEST(Bridge, APanicArrivesAsAnError) {
  outcrop_bridge_buffer error{};
  EXPECT_EQ(outcrop_bridge_panic_for_test(&error), OUTCROP_BRIDGE_INTERNAL);
  EXPECT_NE(take(error).find("panic asked for by a test"), std::string::npos);
  EXPECT_EQ(outcrop_bridge_panic_for_test(nullptr), OUTCROP_BRIDGE_INTERNAL);
}

TEST(Bridge, AcceptsAJsonSchemaThatAGrammarCanHold) {
  std::string message;
  EXPECT_EQ(check_schema(R"({"type":"object","properties":{"section":{"enum":["net","libs"]}},)"
                         R"("required":["section"],"additionalProperties":false})",
                         message),
            OUTCROP_BRIDGE_OK)
      << message;
}

TEST(Bridge, RefusesASchemaThatNothingCanMeet) {
  std::string message;
  EXPECT_EQ(check_schema(R"({"type":"no such type"})", message), OUTCROP_BRIDGE_INVALID_ARGUMENT);
  EXPECT_FALSE(message.empty());
  EXPECT_EQ(check_schema("{", message), OUTCROP_BRIDGE_INVALID_ARGUMENT);
  EXPECT_FALSE(message.empty());
}

}  // namespace
}  // namespace outcrop
