#include "collector/pipeline/hooked_call.h"

#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinfo {
namespace {

constexpr const char* kOwn = "/usr/lib/pinfo/libpinfo.so";
constexpr const char* kServer = "/usr/bin/server";

FrameRow Row(std::string function, std::string module) {
  FrameRow row;
  row.function = std::move(function);
  row.module = std::move(module);
  row.file = "source.c";
  row.function_line = 10;
  row.line = 12;
  return row;
}

std::vector<std::string> NamesOf(const std::vector<NativeStep>& native) {
  std::vector<std::string> names;
  for (const NativeStep& step : native) {
    for (const FrameRow& row : step.frames) {
      names.push_back(row.function);
    }
  }
  return names;
}

TEST(HookedCallTest, OfOwnFunctionsTheCallAloneIsShown) {
  std::vector<NativeStep> native = {
      {{Row("emit", kOwn), Row("pinfo_sample_blocked", kOwn)}},
      {{Row("pinfo_wait_ended", kOwn), Row("read", kOwn)}},
      {{Row("inlined", kServer), Row("Handle", kServer)}},
  };
  KeepHookedCalls(native);
  EXPECT_THAT(NamesOf(native), testing::ElementsAre("read", "inlined", "Handle"));
  const FrameRow& call = native.front().frames.front();
  EXPECT_EQ(call.file, "");
  EXPECT_EQ(call.line, 0);
  EXPECT_EQ(call.function_line, 0);
  EXPECT_EQ(call.module, kOwn);
  EXPECT_EQ(native.back().frames.back().line, 12);
}

TEST(HookedCallTest, EachRunKeepsItsOwn) {
  std::vector<NativeStep> native = {
      {{Row("clock_gettime", "/lib/libc.so.6")}},
      {{Row("pinfo_now", kOwn)}},
      {{Row("write", kOwn)}},
      {{Row("SSL_write", "/lib/libssl.so.3")}},
      {{Row("libpinfo.so+0x1234", kOwn)}},
      {{Row("SSL_write", kOwn)}},
  };
  KeepHookedCalls(native);
  EXPECT_THAT(NamesOf(native),
              testing::ElementsAre("clock_gettime", "write", "SSL_write", "SSL_write"));
}

TEST(HookedCallTest, OtherStacksStayAsTheyAre) {
  std::vector<NativeStep> native = {{{Row("a", kServer)}}, {{}}, {{Row("b", "/x/notlibpinfo.so")}}};
  KeepHookedCalls(native);
  EXPECT_THAT(NamesOf(native), testing::ElementsAre("a", "b"));
  EXPECT_EQ(native.size(), 3U);
  EXPECT_EQ(native.front().frames.front().file, "source.c");
  native.clear();
  KeepHookedCalls(native);
  EXPECT_TRUE(native.empty());
}

}  // namespace
}  // namespace pinfo
