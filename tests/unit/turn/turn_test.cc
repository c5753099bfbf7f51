#include "bpf/turn.h"

#include <random>
#include <string_view>

#include <gtest/gtest.h>

namespace {

constexpr pinfo_thread_time kNoTime{};
constexpr pinfo_u32 kLimit = PINFO_HEAD_CAPTURE_MAX;

unsigned Receive(pinfo_turn& turn, pinfo_u64 now, pinfo_u64 n, pinfo_u32 tid = 1) {
  return pinfo_turn_receive(&turn, now, n, tid, &kNoTime);
}

TEST(Turn, BeginsWithTheFirstBytesAndTimesTheAnswer) {
  pinfo_turn turn{};
  EXPECT_EQ(Receive(turn, 10, 100, 7), PINFO_TURN_BEGAN | PINFO_TURN_CAPTURE);
  EXPECT_EQ(turn.number, 1U);
  EXPECT_EQ(turn.phase, PINFO_TURN_READING);
  EXPECT_EQ(pinfo_turn_send(&turn, 15, 50, 0), PINFO_TURN_FIRST_OUT);
  turn.out_head = PINFO_HEAD_ENDED;
  EXPECT_EQ(pinfo_turn_send(&turn, 18, 25, 0), 0U);
  EXPECT_EQ(turn.start_ns, 10U);
  EXPECT_EQ(turn.first_out_ns, 15U);
  EXPECT_EQ(turn.last_out_ns, 18U);
  EXPECT_EQ(turn.bytes_in, 100U);
  EXPECT_EQ(turn.bytes_out, 75U);
  EXPECT_EQ(turn.begin_tid, 7U);
}

TEST(Turn, MoreBytesBeforeTheAnswerBelongToIt) {
  pinfo_turn turn{};
  Receive(turn, 10, 100);
  turn.captured = 100;
  EXPECT_EQ(Receive(turn, 11, 5000, 2), PINFO_TURN_CAPTURE);
  turn.captured = kLimit;
  EXPECT_EQ(Receive(turn, 12, 5000), 0U);
  EXPECT_EQ(turn.number, 1U);
  EXPECT_EQ(turn.bytes_in, 10100U);
  EXPECT_EQ(turn.start_ns, 10U);
  EXPECT_EQ(turn.begin_tid, 1U);
}

TEST(Turn, BytesAfterTheAnswerBeginTheNextOneAfresh) {
  pinfo_turn turn{};
  Receive(turn, 10, 100);
  turn.captured = kLimit;
  pinfo_turn_send(&turn, 15, 50, 0);
  EXPECT_EQ(Receive(turn, 20, 30, 9), PINFO_TURN_BEGAN | PINFO_TURN_CAPTURE);
  EXPECT_EQ(turn.number, 2U);
  EXPECT_EQ(turn.start_ns, 20U);
  EXPECT_EQ(turn.first_out_ns, 0U);
  EXPECT_EQ(turn.last_out_ns, 0U);
  EXPECT_EQ(turn.bytes_in, 30U);
  EXPECT_EQ(turn.bytes_out, 0U);
  EXPECT_EQ(turn.captured, 0U);
  EXPECT_EQ(turn.begin_tid, 9U);
}

TEST(Turn, AServerThatSpeaksFirstOpensNone) {
  pinfo_turn turn{};
  EXPECT_EQ(pinfo_turn_send(&turn, 5, 10, 0), 0U);
  EXPECT_EQ(turn.number, 0U);
  EXPECT_EQ(turn.bytes_out, 0U);
  EXPECT_EQ(turn.phase, PINFO_TURN_IDLE);
}

TEST(Turn, IsPartialUntilWhatWasUnderWayIsAnswered) {
  pinfo_turn turn{};
  turn.partial = 1;
  Receive(turn, 10, 1);
  EXPECT_EQ(turn.partial, 1);
  Receive(turn, 11, 1);
  pinfo_turn_send(&turn, 12, 1, 0);
  EXPECT_EQ(turn.partial, 1);
  Receive(turn, 13, 1);
  EXPECT_EQ(turn.partial, 0);
}

TEST(Turn, AResponseBeginsWithTheTurnOrWhereItSaysSo) {
  pinfo_turn turn{};
  Receive(turn, 10, 100);
  EXPECT_EQ(pinfo_turn_send(&turn, 12, 10, 1), PINFO_TURN_FIRST_OUT);
  EXPECT_EQ(pinfo_turn_send(&turn, 13, 10, 0), PINFO_TURN_MORE_OUT);
  turn.out_head = PINFO_HEAD_ENDED;
  EXPECT_EQ(pinfo_turn_send(&turn, 14, 10, 0), 0U);
  EXPECT_EQ(turn.first_out_ns, 12U);
  EXPECT_EQ(pinfo_turn_send(&turn, 15, 10, 1), PINFO_TURN_FIRST_OUT);
  EXPECT_EQ(turn.first_out_ns, 15U);
  EXPECT_EQ(turn.out_head, PINFO_HEAD_IN_LINE);
  EXPECT_EQ(turn.bytes_out, 40U);
}

TEST(Turn, TheNextOneTellsWhatWasSentInTheOneBefore) {
  pinfo_turn turn{};
  Receive(turn, 10, 100);
  pinfo_turn_send(&turn, 12, 33, 0);
  pinfo_turn_send(&turn, 13, 44, 0);
  Receive(turn, 14, 1);
  EXPECT_EQ(turn.previous_out, 77U);
  EXPECT_EQ(turn.bytes_out, 0U);
}

TEST(Turn, CapturesMoreWhileTheHeadGoesOn) {
  pinfo_turn turn{};
  Receive(turn, 10, 100);
  turn.captured = PINFO_TURN_CAPTURE_MAX;
  EXPECT_EQ(Receive(turn, 11, 1), PINFO_TURN_CAPTURE);
  turn.head = PINFO_HEAD_ENDED;
  EXPECT_EQ(Receive(turn, 12, 1), 0U);
}

TEST(Head, EndsAtAnEmptyLineWhereverItIsSplit) {
  const std::string_view heads[] = {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\n\n",
                                    "GET / HTTP/1.1\r\nA: b\n\r\n"};
  for (const std::string_view head : heads) {
    for (size_t split = 0; split <= head.size(); ++split) {
      const auto* const bytes = reinterpret_cast<const unsigned char*>(head.data());
      pinfo_u8 state = pinfo_head_run(PINFO_HEAD_IN_LINE, bytes, split);
      EXPECT_EQ(state == PINFO_HEAD_ENDED, split == head.size()) << head << split;
      state = pinfo_head_run(state, bytes + split, head.size() - split);
      EXPECT_EQ(state, PINFO_HEAD_ENDED) << head << split;
    }
  }
}

TEST(Turn, SpentIsCountedFromItsBeginning) {
  pinfo_turn turn{};
  const pinfo_thread_time begin{100, 200, 300};
  pinfo_turn_receive(&turn, 10, 1, 1, &begin);
  const pinfo_thread_time later{150, 210, 301};
  pinfo_turn_receive(&turn, 11, 1, 1, &later);
  pinfo_thread_time spent{};
  pinfo_turn_spent(&turn, &later, &spent);
  EXPECT_EQ(spent.on_cpu_ns, 50U);
  EXPECT_EQ(spent.blocked_ns, 10U);
  EXPECT_EQ(spent.runqueue_ns, 1U);
}

TEST(Turn, KeepsItsBooksUnderAnySequence) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    pinfo_turn turn{};
    pinfo_u64 in = 0;
    pinfo_u64 out = 0;
    pinfo_u32 turns = 0;
    bool answered = true;
    for (pinfo_u64 now = 1; now < 40; ++now) {
      const pinfo_u64 n = 1 + random() % 100;
      if (random() % 2 == 0) {
        const unsigned todo = Receive(turn, now, n);
        EXPECT_EQ((todo & PINFO_TURN_BEGAN) != 0, answered);
        if (answered) {
          ++turns;
          in = out = 0;
        }
        answered = false;
        in += n;
      } else {
        const unsigned todo = pinfo_turn_send(&turn, now, n, 0);
        EXPECT_EQ((todo & PINFO_TURN_FIRST_OUT) != 0, turns > 0 && !answered);
        if (turns > 0) {
          answered = true;
          out += n;
        }
      }
      ASSERT_EQ(turn.number, turns);
      ASSERT_EQ(turn.bytes_in, in);
      ASSERT_EQ(turn.bytes_out, out);
    }
  }
}

}  // namespace
