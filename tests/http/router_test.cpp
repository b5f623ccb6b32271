#include "http/router.h"

#include "http/request.h"
#include "http/target.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outcrop::http {
namespace {

/// The name of the route that answers, with its parameters.
class RouterTest : public testing::Test {
 protected:
  void add(std::string method, std::string pattern) {
    const Status added = router.add(method, pattern, [pattern](Request& request, ResponseWriter& response) {
      std::string text = pattern;
      for (const auto& [name, value] : request.path_parameters) text += " " + name + "=" + value;
      EXPECT_TRUE(response.send(200, text));
    });
    ASSERT_TRUE(added) << added.error().message;
  }
  RecordedResponse get(std::string target, std::string method = "GET") {
    Request request;
    request.method = std::move(method);
    request.target = std::move(target);
    RecordedResponse recorded;
    ResponseWriter response(recorded);
    router.route(request, response);
    return recorded;
  }
  Router router;
};

TEST_F(RouterTest, DecodesASegmentAfterItHasMatched) {
  add("GET", "/model/{modelId}/converse");
  EXPECT_EQ(get("/model/arn%3Aaws%3Abedrock%2Fabc/converse?x=/y").body,
            "/model/{modelId}/converse modelId=arn:aws:bedrock/abc");
  EXPECT_EQ(get("/model/a/b/converse").status, 404);
  EXPECT_EQ(get("/model//converse").status, 404);
  EXPECT_EQ(get("/m%6fdel/a/converse").status, 200);
}

TEST_F(RouterTest, PrefersTextsThenParametersThenTheRest) {
  add("GET", "/a/b");
  add("GET", "/a/{x}");
  add("GET", "/{bucket}/{key+}");
  add("GET", "/a/{x}/c");
  EXPECT_EQ(get("/a/b").body, "/a/b");
  EXPECT_EQ(get("/a/z").body, "/a/{x} x=z");
  EXPECT_EQ(get("/a/b/c").body, "/a/{x}/c x=b");
  EXPECT_EQ(get("/a/b/d").body, "/{bucket}/{key+} bucket=a key=b/d");
  EXPECT_EQ(get("/q/r%20s//t/").body, "/{bucket}/{key+} bucket=q key=r s//t/");
}

TEST_F(RouterTest, TakesATrailingSlashAsPartOfTheRoute) {
  add("GET", "/prompts/{id}/");
  add("GET", "/");
  EXPECT_EQ(get("/prompts/7/").status, 200);
  EXPECT_EQ(get("/prompts/7").status, 404);
  EXPECT_EQ(get("/").status, 200);
}

TEST_F(RouterTest, NamesTheMethodsThatAPathHas) {
  add("GET", "/a");
  add("PUT", "/a");
  const RecordedResponse refused = get("/a", "POST");
  EXPECT_EQ(refused.status, 405);
  EXPECT_EQ(refused.headers.get("allow"), "GET, PUT");
  EXPECT_EQ(get("/a", "HEAD").status, 200);
}

TEST_F(RouterTest, RefusesMalformedEscapesAndPatterns) {
  add("GET", "/{a}");
  EXPECT_EQ(get("/%zz").status, 400);
  EXPECT_EQ(get("/%4").status, 400);
  const Handler none = [](Request&, ResponseWriter&) {};
  EXPECT_EQ(router.add("GET", "/{b}", none).error().code, Code::already_exists);
  EXPECT_EQ(router.add("GET", "a", none).error().code, Code::invalid_argument);
  EXPECT_EQ(router.add("GET", "/{a+}/b", none).error().code, Code::invalid_argument);
  EXPECT_EQ(router.add("GET", "/a{b}", none).error().code, Code::invalid_argument);
  EXPECT_EQ(router.add("G T", "/a", none).error().code, Code::invalid_argument);
}

TEST_F(RouterTest, GivesTheBodyTheLimitOfItsRoute) {
  ASSERT_TRUE(router.add("POST", "/",
                         [](Request& request, ResponseWriter& response) {
                           EXPECT_EQ(request.body->read_all().error().code, Code::quota_exceeded);
                           EXPECT_TRUE(response.send(413, ""));
                         },
                         {.max_body_bytes = 3}));
  Request request;
  request.method = "POST";
  request.target = "/";
  request.body = std::make_unique<MemoryBody>("four");
  RecordedResponse recorded;
  ResponseWriter response(recorded);
  router.route(request, response);
  EXPECT_EQ(recorded.status, 413);
}

TEST_F(RouterTest, AsksTheFallbackForUnknownPaths) {
  router.set_fallback([](Request&, ResponseWriter& response) { EXPECT_TRUE(response.send(404, "mine")); });
  EXPECT_EQ(get("/nowhere").body, "mine");
  EXPECT_EQ(get("*", "OPTIONS").body, "mine");
}

TEST(Target, DecodesAndEncodes) {
  EXPECT_EQ(percent_decode("a%2Fb%c3%A9+"), "a/b\xc3\xa9+");
  EXPECT_FALSE(percent_decode("%"));
  EXPECT_EQ(percent_encode("a/b ~\xc3"), "a%2Fb%20~%C3");
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(parse_query("a=1&b&&c=x+y%26=z"), (Pairs{{"a", "1"}, {"b", ""}, {"c", "x y&=z"}}));
  EXPECT_EQ(parse_query(""), Pairs{});
  EXPECT_FALSE(parse_query("a=%x"));
}

}  // namespace
}  // namespace outcrop::http
