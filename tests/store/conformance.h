#pragma once
// What every implementation of store::Database has to do. The tests in *_conformance_test.cpp see the
// interfaces only; an implementation joins by an INSTANTIATE_TEST_SUITE_P of DatabaseConformance with its
// factory.

#include "store/database.h"

#include <atomic>
#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include <gtest/gtest.h>

namespace outcrop::store::test {

/// Makes a new, empty database that reads the given clock and keeps its files, if any, in `folder`.
struct DatabaseFactory {
  std::string name;
  std::function<Result<std::unique_ptr<Database>>(const Path& folder, Clock clock)> make;
};

/// The implementations under test.
DatabaseFactory sqlite_factory();

inline void PrintTo(const DatabaseFactory& factory, std::ostream* out) {
  *out << factory.name;
}

inline constexpr const char* kAccount = "000000000000";
inline constexpr const char* kOtherAccount = "111111111111";

/// A new folder under the temporary one that is removed with the object.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  const Path& path() const { return path_; }

 private:
  Path path_;
};

/// A clock that moves only when it is told to.
class ManualClock {
 public:
  Clock clock() {
    return [this] { return from_milliseconds(now_.load()); };
  }
  Time now() const { return from_milliseconds(now_.load()); }
  void advance(Duration by) { now_ += by.count(); }

 private:
  std::atomic<std::int64_t> now_{1'700'000'000'000};
};

/// A database with the two accounts above.
class DatabaseConformance : public testing::TestWithParam<DatabaseFactory> {
 protected:
  void SetUp() override;
  TestFolder folder_;
  ManualClock clock_;
  std::unique_ptr<Database> database_;
};

/// Fails the test and gives a default when the result is an error.
template <class T>
T value_of(Result<T> result) {
  if (!result) {
    ADD_FAILURE() << result.error().message;
    return T{};
  }
  return *std::move(result);
}

template <class T>
Code code_of(const Result<T>& result) {
  EXPECT_FALSE(result.has_value());
  return result ? Code::internal : result.error().code;
}

#define EXPECT_OK(...)                                             \
  do {                                                             \
    const auto outcrop_result = (__VA_ARGS__);                     \
    EXPECT_TRUE(outcrop_result) << outcrop_result.error().message; \
  } while (false)

}  // namespace outcrop::store::test
