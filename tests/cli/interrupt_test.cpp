#include "cli/interrupt.h"

#include "cli/exit_codes.h"
#include "cli/line_reader.h"

#include <chrono>

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

namespace outcrop::cli {
namespace {

// Each runs in a child of its own: Interrupts belongs to a whole process, made before its other threads.
class InterruptsDeathTest : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

bool stops_within(const std::stop_token& token, std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!token.stop_requested() && std::chrono::steady_clock::now() < until) usleep(1000);
  return token.stop_requested();
}

bool readable_within(int descriptor, int milliseconds) {
  pollfd waiting{descriptor, POLLIN, 0};
  return poll(&waiting, 1, milliseconds) == 1;
}

constexpr std::chrono::seconds kLong{10};

TEST_F(InterruptsDeathTest, TheFirstSignalRequestsStop) {
  EXPECT_EXIT(
      {
        Interrupts interrupts;
        const std::stop_token token = interrupts.begin();
        kill(getpid(), SIGINT);
        const bool stopped = stops_within(token, kLong);
        _exit(stopped && readable_within(interrupts.descriptor(), 10000) ? 7 : 1);
      },
      testing::ExitedWithCode(7), "");
}

TEST_F(InterruptsDeathTest, TheSecondSignalEndsTheProcess) {
  EXPECT_EXIT(
      {
        Interrupts interrupts;
        const std::stop_token token = interrupts.begin();
        kill(getpid(), SIGTERM);
        stops_within(token, kLong);
        kill(getpid(), SIGINT);
        sleep(10);
        _exit(1);
      },
      testing::ExitedWithCode(kCancelled), "");
}

TEST_F(InterruptsDeathTest, BeforeAnyWorkTheFirstSignalEndsTheProcess) {
  EXPECT_EXIT(
      {
        Interrupts interrupts;
        kill(getpid(), SIGINT);
        sleep(10);
        _exit(1);
      },
      testing::ExitedWithCode(kCancelled), "");
}

TEST_F(InterruptsDeathTest, BeginForgetsAnEarlierSignal) {
  EXPECT_EXIT(
      {
        Interrupts interrupts;
        const std::stop_token first = interrupts.begin();
        kill(getpid(), SIGINT);
        stops_within(first, kLong);
        readable_within(interrupts.descriptor(), 10000);
        const std::stop_token second = interrupts.begin();
        const bool drained = !readable_within(interrupts.descriptor(), 0);
        kill(getpid(), SIGINT);
        _exit(drained && first != second && stops_within(second, kLong) ? 7 : 1);
      },
      testing::ExitedWithCode(7), "");
}

TEST_F(InterruptsDeathTest, WhatTheParentIgnoresStaysIgnored) {
  EXPECT_EXIT(
      {
        signal(SIGHUP, SIG_IGN);
        Interrupts interrupts;
        const std::stop_token token = interrupts.begin();
        kill(getpid(), SIGHUP);
        _exit(stops_within(token, std::chrono::milliseconds(200)) ? 1 : 7);
      },
      testing::ExitedWithCode(7), "");
}

/// Standard input replaced by a pipe for the life of the object.
class PipedInput {
 public:
  PipedInput() : saved_(dup(STDIN_FILENO)) {
    int ends[2];
    if (pipe(ends) != 0) return;
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    writer_ = ends[1];
  }
  ~PipedInput() {
    end();
    dup2(saved_, STDIN_FILENO);
    close(saved_);
  }
  void type(std::string_view text) const {
    EXPECT_EQ(write(writer_, text.data(), text.size()), std::ssize(text));
  }
  void end() {
    if (writer_ >= 0) close(writer_);
    writer_ = -1;
  }

 private:
  int saved_;
  int writer_ = -1;
};

TEST(LineReader, GivesLinesAndTheUnfinishedLastOne) {
  PipedInput input;
  int never[2];
  ASSERT_EQ(pipe(never), 0);
  LineReader reader(never[0]);
  std::string line;
  input.type("one\r\n\ntw");
  EXPECT_EQ(reader.read(line), LineReader::Event::line);
  EXPECT_EQ(line, "one");
  EXPECT_EQ(reader.read(line), LineReader::Event::line);
  EXPECT_EQ(line, "");
  input.type("o");
  input.end();
  EXPECT_EQ(reader.read(line), LineReader::Event::line);
  EXPECT_EQ(line, "two");
  EXPECT_EQ(reader.read(line), LineReader::Event::end);
  close(never[0]);
  close(never[1]);
}

TEST(LineReader, WaitingEndsWithTheInterrupt) {
  const PipedInput input;
  int signalled[2];
  ASSERT_EQ(pipe(signalled), 0);
  ASSERT_EQ(write(signalled[1], "x", 1), 1);
  LineReader reader(signalled[0]);
  std::string line;
  EXPECT_EQ(reader.read(line), LineReader::Event::interrupted);
  close(signalled[0]);
  close(signalled[1]);
}

}  // namespace
}  // namespace outcrop::cli
