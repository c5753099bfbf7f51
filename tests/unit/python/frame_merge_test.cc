#include "collector/python/frame_merge.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinfo {
namespace {

using testing::ElementsAre;

constexpr const char* kEvaluate = "_PyEval_EvalFrameDefault";

FrameRow Named(const std::string& name) {
  FrameRow row;
  row.function = name;
  return row;
}

std::vector<NativeStep> Native(const std::vector<std::string>& names) {
  std::vector<NativeStep> steps;
  for (const std::string& name : names) {
    steps.push_back({{Named(name)}});
  }
  return steps;
}

std::vector<PythonGroup> Python(const std::vector<std::vector<std::string>>& names) {
  std::vector<PythonGroup> groups;
  for (const auto& group : names) {
    groups.emplace_back();
    for (const std::string& name : group) {
      groups.back().push_back(Named(name));
    }
  }
  return groups;
}

std::vector<std::string> Merge(const std::vector<std::string>& native,
                               const std::vector<std::vector<std::string>>& python, bool whole) {
  std::vector<std::string> names;
  for (const FrameRow& row : MergePythonFrames(Native(native), Python(python), whole)) {
    names.push_back(row.function);
  }
  return names;
}

TEST(FrameMergeTest, TheEvaluationFunctionIsKnownInItsParts) {
  EXPECT_TRUE(EvaluatesPython("_PyEval_EvalFrameDefault"));
  EXPECT_TRUE(EvaluatesPython("_PyEval_EvalFrameDefault.cold"));
  EXPECT_TRUE(EvaluatesPython("_PyEval_EvalFrameDefault.part.0"));
  EXPECT_FALSE(EvaluatesPython("_PyEval_EvalFrameDefault_wrapper"));
  EXPECT_FALSE(EvaluatesPython("python3.11+0x500000"));
}

TEST(FrameMergeTest, EachEvaluationIsReplacedByItsFrames) {
  EXPECT_THAT(Merge({"list_sort", kEvaluate, "call", kEvaluate, "main"},
                    {{"key", "inner"}, {"outer", "<module>"}}, true),
              ElementsAre("list_sort", "key", "inner", "call", "outer", "<module>", "main"));
}

TEST(FrameMergeTest, WithoutNativeFramesPythonsStandAlone) {
  EXPECT_THAT(Merge({}, {{"a"}, {"b", "c"}}, true), ElementsAre("a", "b", "c"));
}

TEST(FrameMergeTest, WithoutPythonFramesTheNativeStackStays) {
  EXPECT_THAT(Merge({"read", kEvaluate, "main"}, {}, true), ElementsAre("read", kEvaluate, "main"));
}

TEST(FrameMergeTest, AnEvaluationThatHasJustBegunStaysNative) {
  EXPECT_THAT(Merge({kEvaluate, "call", kEvaluate, "main"}, {{"outer"}}, true),
              ElementsAre(kEvaluate, "call", "outer", "main"));
}

TEST(FrameMergeTest, AFrameWhoseEvaluationIsNotSeenLiesInnermost) {
  EXPECT_THAT(Merge({"cold part without a name", "call", kEvaluate, "main"}, {{"f"}, {"g"}}, true),
              ElementsAre("f", "cold part without a name", "call", "g", "main"));
}

TEST(FrameMergeTest, ACutStackIsMatchedFromItsInnermostFrame) {
  EXPECT_THAT(Merge({kEvaluate, "call", kEvaluate}, {{"a"}, {"b"}, {"c"}}, false),
              ElementsAre("a", "call", "b", "c"));
  EXPECT_THAT(Merge({kEvaluate, "call", kEvaluate, "main"}, {{"a"}}, false),
              ElementsAre("a", "call", kEvaluate, "main"));
}

TEST(FrameMergeTest, AnEmptyGroupStillUsesUpItsEvaluation) {
  EXPECT_THAT(Merge({kEvaluate, "call", kEvaluate, "main"}, {{}, {"b"}}, true),
              ElementsAre("call", "b", "main"));
}

TEST(FrameMergeTest, InlinedFramesOfAStepStayTogether) {
  std::vector<NativeStep> native = Native({kEvaluate, "main"});
  native[0].frames.insert(native[0].frames.begin(), Named("inlined"));
  const auto merged = MergePythonFrames(native, Python({{"a"}}), true);
  ASSERT_EQ(merged.size(), 2U);
  EXPECT_EQ(merged[0].function, "a");
}

}  // namespace
}  // namespace pinfo
