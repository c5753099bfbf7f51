#include "collector/pipeline/python_codes.h"

#include <string>

#include <gtest/gtest.h>

#include "collector/pipeline/stack_resolver.h"
#include "tests/unit/pipeline/make_record.h"

namespace pinfo {
namespace {

// co_linetable of 3.11 (Objects/locations.md): 16 bytes of code on the first line, then 16 on the
// next.
constexpr std::string_view kTwoLines{"\xd7\x00\x00\xdf\x00\x00", 6};

RecordWords MakeCode(uint64_t code, uint32_t identity, std::string_view name) {
  pinfo_python_code record{};
  std::string payload = "/srv/views.py";
  payload += '\0';
  payload += name;
  payload += '\0';
  record.text_bytes = static_cast<pinfo_u32>(payload.size());
  record.table_bytes = static_cast<pinfo_u32>(kTwoLines.size());
  payload += kTwoLines;
  record.code = code;
  record.identity = identity;
  record.first_line = 20;
  record.version = 0x030b;
  return MakeRecord(record, PINFO_RECORD_PYTHON_CODE, 5, 1, 1, payload);
}

void Add(PythonCodes& codes, const RecordWords& words) { codes.Add(*DecodeRecord(BytesOf(words))); }

RecordWords MakeSample(const std::vector<pinfo_python_frame>& frames, uint8_t flags = 0) {
  pinfo_sample sample{};
  sample.python_frames = static_cast<pinfo_u16>(frames.size());
  sample.flags = flags;
  return MakeRecord(
      sample, PINFO_RECORD_SAMPLE, 6, 1, 1,
      {reinterpret_cast<const char*>(frames.data()), frames.size() * sizeof(pinfo_python_frame)});
}

TEST(PythonCodesTest, FramesAreNamedAndGroupedByTheirEntryMarks) {
  PythonCodes codes;
  Add(codes, MakeCode(100, 1, "inner"));
  Add(codes, MakeCode(200, 2, "outer"));
  const std::vector<pinfo_python_frame> frames = {
      {100, 1, 0}, {200, 2, 16 | PINFO_PYTHON_ENTRY}, {200, 2, 0}, {0, 0, PINFO_PYTHON_ENTRY}};
  const PythonCodes::Groups resolved = codes.Resolve(frames);
  EXPECT_TRUE(resolved.all_known);
  ASSERT_EQ(resolved.groups.size(), 2U);
  ASSERT_EQ(resolved.groups[0].size(), 2U);
  EXPECT_EQ(resolved.groups[0][0].function, "inner");
  EXPECT_EQ(resolved.groups[0][0].file, "/srv/views.py");
  EXPECT_EQ(resolved.groups[0][0].module, "python");
  EXPECT_EQ(resolved.groups[0][0].function_line, 20);
  EXPECT_EQ(resolved.groups[0][0].line, 20);
  EXPECT_EQ(resolved.groups[0][1].line, 21);
  ASSERT_EQ(resolved.groups[1].size(), 1U);
  EXPECT_EQ(resolved.groups[1][0].function, "outer");
}

TEST(PythonCodesTest, AnotherIdentityAtTheSameAddressIsAnotherFunction) {
  PythonCodes codes;
  Add(codes, MakeCode(100, 1, "old"));
  Add(codes, MakeCode(100, 2, "new"));
  EXPECT_EQ(codes.Resolve(std::vector<pinfo_python_frame>{{100, 1, 0}}).groups[0][0].function,
            "old");
  EXPECT_EQ(codes.Resolve(std::vector<pinfo_python_frame>{{100, 2, 0}}).groups[0][0].function,
            "new");
  const auto unknown = codes.Resolve(std::vector<pinfo_python_frame>{{100, 3, 0}});
  EXPECT_FALSE(unknown.all_known);
  EXPECT_EQ(unknown.groups[0][0].function, "[unknown]");
}

TEST(PythonCodesTest, ACopyKeepsWhatItHadAndLearnsOnItsOwn) {
  PythonCodes parent;
  Add(parent, MakeCode(100, 1, "shared"));
  PythonCodes child = parent;
  Add(child, MakeCode(200, 2, "of the child"));
  const std::vector<pinfo_python_frame> both = {{100, 1, 0}, {200, 2, 0}};
  EXPECT_TRUE(child.Resolve(both).all_known);
  EXPECT_FALSE(parent.Resolve(both).all_known);
  EXPECT_TRUE(parent.Resolve(std::span(both).first(1)).all_known);
}

TEST(PythonCodesTest, TextsWithoutTheirZeroBytesAreTakenAsTheyAre) {
  pinfo_python_code record{};
  record.text_bytes = 4;
  record.version = 0x030b;
  record.first_line = UINT32_MAX;
  PythonCodes codes;
  Add(codes, MakeRecord(record, PINFO_RECORD_PYTHON_CODE, 5, 1, 1, "file"));
  const auto groups = codes.Resolve(std::vector<pinfo_python_frame>{{0, 0, 0}, {1, 0, 0}}).groups;
  EXPECT_EQ(groups.size(), 1U);
}

class StackOfPythonTest : public testing::Test {
 protected:
  std::shared_ptr<const ResolvedStack> Resolve(const RecordWords& words) {
    return resolver_.Resolve(*DecodeRecord(BytesOf(words)), process_);
  }
  ModuleCache modules_;
  TrackedProcess process_{modules_, Pid{1}};
  StackResolver resolver_{/*native_python=*/false};
};

TEST_F(StackOfPythonTest, ItsFramesStandAloneOutermostFirst) {
  Add(process_.python, MakeCode(100, 1, "inner"));
  Add(process_.python, MakeCode(200, 2, "outer"));
  const auto stack = Resolve(MakeSample({{100, 1, 0}, {200, 2, PINFO_PYTHON_ENTRY}}));
  ASSERT_EQ(stack->root_first.size(), 2U);
  EXPECT_EQ(stack->root_first[0].function, "outer");
  EXPECT_EQ(stack->root_first[1].function, "inner");
  EXPECT_EQ(stack->end, StackEnd::kComplete);
}

TEST_F(StackOfPythonTest, ACutStackSaysSo) {
  Add(process_.python, MakeCode(100, 1, "inner"));
  EXPECT_EQ(Resolve(MakeSample({{100, 1, 0}}, PINFO_SAMPLE_PYTHON_CUT))->end, StackEnd::kTooDeep);
}

TEST_F(StackOfPythonTest, AFunctionLearntLaterIsNamedThen) {
  const RecordWords sample = MakeSample({{100, 1, 0}});
  EXPECT_EQ(Resolve(sample)->root_first[0].function, "[unknown]");
  Add(process_.python, MakeCode(100, 1, "known"));
  EXPECT_EQ(Resolve(sample)->root_first[0].function, "known");
}

TEST_F(StackOfPythonTest, NothingButMarksIsANativeStack) {
  EXPECT_EQ(Resolve(MakeSample({{0, 0, PINFO_PYTHON_ENTRY}}))->end, StackEnd::kMissing);
}

class KernelPartTest : public StackOfPythonTest {
 protected:
  void Learn(uint64_t begin, uint64_t end, std::string_view text) {
    pinfo_kernel_function record{};
    record.begin = begin;
    record.end = end;
    record.text_bytes = static_cast<pinfo_u32>(text.size());
    const RecordWords words = MakeRecord(record, PINFO_RECORD_KERNEL_FUNCTION, 1, 1, 1, text);
    resolver_.LearnKernelFunction(*DecodeRecord(BytesOf(words)));
  }
  // Outermost first.
  std::vector<std::string> Functions(const std::vector<uint64_t>& addresses) {
    pinfo_sample sample{};
    sample.kernel_frames = static_cast<pinfo_u16>(addresses.size());
    const RecordWords words =
        MakeRecord(sample, PINFO_RECORD_SAMPLE, 2, 1, 1,
                   {reinterpret_cast<const char*>(addresses.data()), addresses.size() * 8});
    std::vector<std::string> names;
    for (const FrameRow& frame : Resolve(words)->root_first) {
      names.push_back(frame.function + " " + frame.module);
    }
    return names;
  }
};

TEST_F(KernelPartTest, FunctionsHaveTheNamesThatTheStreamTold) {
  Learn(0x1000, 0x2000, {"outer\0[kernel]\0", 15});
  Learn(0x3000, 0x3100, {"inner\0[mod]\0", 12});
  EXPECT_EQ(
      Functions({0x3010, 0x2000, 0x5000}),
      (std::vector<std::string>{"[kernel] [kernel]", "outer_[k] [kernel]", "inner_[k] [mod]"}));
}

TEST_F(KernelPartTest, WhatTookTheSampleIsLeftOut) {
  Learn(0x1000, 0x2000, {"schedule\0[kernel]\0", 18});
  Learn(0x2000, 0x3000, {"__schedule\0[kernel]\0", 20});
  Learn(0x3000, 0x4000, {"bpf_prog\0[bpf]\0", 15});
  EXPECT_EQ(Functions({0x3010, 0x2010, 0x1010}),
            (std::vector<std::string>{"schedule_[k] [kernel]", "__schedule_[k] [kernel]"}));
}

TEST_F(KernelPartTest, WithoutAnyNameItIsOneFrame) {
  EXPECT_EQ(Functions({0x3010, 0x2010}), (std::vector<std::string>{"[kernel] [kernel]"}));
  Learn(0x2000, 0x1000, {"backwards\0x\0", 12});
  Learn(0x1000, 0x2000, "\0\0");
  Learn(0x1000, 0x2000, "");
  EXPECT_EQ(Functions({0x1010}), (std::vector<std::string>{"[kernel] [kernel]"}));
}

}  // namespace
}  // namespace pinfo
