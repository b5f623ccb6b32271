#include "json/json.h"

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace outcrop {
namespace {

Json parsed(std::string_view text) {
  auto json = Json::parse(text);
  EXPECT_TRUE(json) << (json ? "" : json.error().message);
  return json ? *std::move(json) : Json();
}

std::string error_of(std::string_view text, const Json::Limits& limits = {}) {
  auto json = Json::parse(text, limits);
  EXPECT_FALSE(json) << text;
  return json ? "" : json.error().message;
}

TEST(Json, ReadsEveryKind) {
  const Json json = parsed(R"({"n":null,"b":true,"i":-7,"u":18446744073709551615,"d":1.5,"s":"x","a":[1,2]})");
  EXPECT_EQ(json.kind(), Json::Kind::object);
  EXPECT_EQ(json.size(), 7U);
  EXPECT_TRUE(json.contains("n"));
  EXPECT_TRUE(json["n"].is_null());
  EXPECT_EQ(json["b"].as_bool(), true);
  EXPECT_EQ(json["i"].as_int(), -7);
  EXPECT_EQ(json["u"].as_uint(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(json["u"].as_int(), std::nullopt);
  EXPECT_EQ(json["d"].as_double(), 1.5);
  EXPECT_EQ(json["d"].as_int(), std::nullopt);
  EXPECT_EQ(json["i"].as_double(), -7.0);
  EXPECT_EQ(json["s"].as_string(), "x");
  EXPECT_EQ(json["a"].size(), 2U);
  EXPECT_EQ(json["a"][1].as_int(), 2);
}

TEST(Json, AnswersNullForWhatIsNotThere) {
  const Json json = parsed(R"({"a":[1],"s":"x"})");
  EXPECT_TRUE(json["missing"]["deeper"][3].is_null());
  EXPECT_TRUE(json["a"][1].is_null());
  EXPECT_TRUE(json["s"]["x"].is_null());
  EXPECT_FALSE(json.contains("missing"));
  EXPECT_EQ(json["s"].size(), 0U);
}

TEST(Json, KeepsTheOrderOfMembers) {
  std::string text = "{";
  for (int i = 40; i > 0; --i)
    text += (i < 40 ? ",\"k" : "\"k") + std::to_string(i) + "\":" + std::to_string(i);
  text += "}";
  const Json json = parsed(text);
  EXPECT_EQ(json.dump(), text);
  EXPECT_EQ(json.member(0).first, "k40");
  EXPECT_EQ(json["k17"].as_int(), 17);
}

TEST(Json, SetReplacesInPlaceAndFindsAmongMany) {
  Json json;
  for (int i = 0; i < 30; ++i) json.set("key" + std::to_string(29 - i), i);
  json.set("key20", "changed");
  EXPECT_EQ(json.size(), 30U);
  EXPECT_EQ(json["key20"].as_string(), "changed");
  EXPECT_EQ(json.member(9).first, "key20");
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(json.contains("key" + std::to_string(i))) << i;
}

TEST(Json, CopiesDeeply) {
  const Json original = parsed(R"({"a":{"b":[1]}})");
  Json copy = original;
  copy.set("a", 3);
  EXPECT_EQ(original.dump(), R"({"a":{"b":[1]}})");
  EXPECT_EQ(copy.dump(), R"({"a":3})");
  copy = original;
  EXPECT_EQ(copy, original);
  const Json& self = copy;
  copy = self;
  EXPECT_EQ(copy, original);
}

TEST(Json, ComparesObjectsInAnyOrderAndNumbersByValue) {
  EXPECT_EQ(parsed(R"({"a":1,"b":[true]})"), parsed(R"({"b":[true],"a":1.0})"));
  EXPECT_FALSE(parsed("[1,2]") == parsed("[2,1]"));
  EXPECT_FALSE(parsed("18446744073709551615") == parsed("18446744073709551614"));
  EXPECT_FALSE(parsed("-1") == parsed("18446744073709551615"));
  EXPECT_FALSE(parsed("0") == parsed("false"));
  EXPECT_FALSE(parsed("null") == parsed("[]"));
}

TEST(Json, NamesLineAndColumnOfASyntaxError) {
  EXPECT_TRUE(error_of("{\n  \"a\": 1,\n  \"b\": oops\n}").starts_with("line 3, column 8"))
      << error_of("{\n\"b\": oops}");
  EXPECT_TRUE(error_of("").starts_with("line 1, column 1"));
}

TEST(Json, RefusesDuplicateKeysAndNamesTheirPlace) {
  EXPECT_EQ(error_of("{\"a\": 1,\n \"a\": 2}"), "line 2, column 2: duplicate key \"a\"");
  EXPECT_EQ(error_of(R"({"x": {"\u0061\"": 1, "a\"": 2}})"), "line 1, column 23: duplicate key \"a\\\"\"");
  std::string many = "{";
  for (int i = 0; i < 20; ++i) many += "\"k" + std::to_string(i) + "\":0,";
  EXPECT_TRUE(error_of(many + "\"k3\":1}").ends_with("duplicate key \"k3\""));
  EXPECT_EQ(parsed(R"([{"a":1},{"a":2}])").size(), 2U);
}

TEST(Json, BoundsDepthAndSize) {
  EXPECT_TRUE(error_of(std::string(65, '[')).find("deeper than 64") != std::string::npos);
  EXPECT_EQ(parsed(std::string(64, '[') + std::string(64, ']')).kind(), Json::Kind::array);
  EXPECT_TRUE(error_of(std::string(1'000'000, '[')).starts_with("line 1, column 65"));
  const auto big = Json::parse("[1,2,3]", {.max_depth = 4, .max_bytes = 6});
  ASSERT_FALSE(big);
  EXPECT_EQ(big.error().code, Code::quota_exceeded);
}

TEST(Json, RefusesWhatTheStandardRefuses) {
  for (const std::string_view text : {"[1,]",
                                      "{\"a\":1,}",
                                      "// c\n1",
                                      "/* c */ 1",
                                      "1 2",
                                      "{} x",
                                      "NaN",
                                      "Infinity",
                                      "01",
                                      "+1",
                                      ".5",
                                      "1.",
                                      "'a'",
                                      "\"\t\"",
                                      "\"\xff\"",
                                      "\"\xc0\xaf\"",
                                      "\"\xed\xa0\x80\"",
                                      R"("\ud800")",
                                      R"("\x41")",
                                      "1e999",
                                      "nul",
                                      "{\"a\"}",
                                      "{1:2}",
                                      "\"abc"}) {
    error_of(text);
  }
  error_of(std::string_view("{}\0garbage", 10));
  error_of(std::string_view("\"a\0b\"", 5));
}

TEST(Json, KeepsErrorMessagesShortAndValid) {
  const std::string message = error_of("[\"" + std::string(100'000, 'x') + "\xff\"]");
  EXPECT_LT(message.size(), 400U);
}

TEST(Json, WritesWhatItReads) {
  const std::string text =
      R"({"a":[1,-2,18446744073709551615,0.1,1e+300,2.0],"b":{"c":"\"\\\n\u0001é€😀"},"d":[],"e":{}})";
  EXPECT_EQ(parsed(text).dump(), text);
  EXPECT_EQ(parsed(parsed(text).dump(2)), parsed(text));
  EXPECT_EQ(parsed(R"({"a":[1],"b":{}})").dump(2), "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}");
}

TEST(Json, WritesDoublesThatReadBackExactly) {
  for (const double value : {0.1, 1.0, -0.0, 1e22, 5e-324, 1.7976931348623157e308, 123456789.125}) {
    const Json back = parsed(Json(value).dump());
    EXPECT_EQ(back.kind(), Json::Kind::number) << Json(value).dump();
    EXPECT_EQ(back.as_double(), value);
  }
  EXPECT_EQ(Json(std::nan("")).dump(), "null");
}

TEST(Json, ReplacesInvalidUtf8OnWriting) {
  EXPECT_EQ(Json("a\xff"
                 "b")
                .dump(),
            "\"a\xEF\xBF\xBD"
            "b\"");
}

TEST(Json, TypedReadsNameObjectKeyRuleAndValue) {
  const Json json = parsed(R"({"layers":"thirty","eps":1e-5,"n":4})");
  EXPECT_EQ(*json.require_int("n", "config.json"), 4);
  EXPECT_EQ(*json.require_number("eps", "config.json"), 1e-5);
  EXPECT_EQ(*json.require_string("layers", "config.json"), "thirty");
  EXPECT_EQ(json.require_int("layers", "config.json").error().message,
            "config.json: 'layers' must be an integer, found \"thirty\"");
  EXPECT_EQ(json.require_int("eps", "config.json").error().code, Code::invalid_argument);
  EXPECT_EQ(json.require_string("heads", "config.json").error().message,
            "config.json: 'heads' is missing, it must be a string");
  EXPECT_FALSE(Json("x").require_int("n", "config.json"));
}

}  // namespace
}  // namespace outcrop
