#include "collector/source/kernel_names.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/pipeline/make_record.h"

namespace pinfo {
namespace {

using testing::ElementsAre;

constexpr uint64_t kBase = 0xffffffff81000000;

struct Told {
  std::string text;
  uint64_t begin;
  uint64_t end;
  uint64_t time_ns;
  friend bool operator==(const Told&, const Told&) = default;
};

class Collected : public RecordSink {
 public:
  void OnRecord(std::span<const std::byte> bytes) override {
    const auto record = DecodeRecord(bytes);
    ASSERT_TRUE(record.has_value());
    ASSERT_EQ(record->type(), PINFO_RECORD_KERNEL_FUNCTION);
    const auto& raw = record->as<pinfo_kernel_function>();
    told.push_back({std::string(record->text()), raw.begin, raw.end, raw.header.time_ns});
  }
  std::vector<Told> told;
};

RecordWords SampleThrough(const std::vector<uint64_t>& addresses) {
  pinfo_sample sample{};
  sample.kernel_frames = static_cast<pinfo_u16>(addresses.size());
  return MakeRecord(sample, PINFO_RECORD_SAMPLE, 5'000'000, 1, 1,
                    {reinterpret_cast<const char*>(addresses.data()), addresses.size() * 8});
}

TEST(KernelNamesTest, EachFunctionIsToldOnceAndBeforeItsSample) {
  KernelNames names(
      KernelSymbols("ffffffff81000000 T first\n"
                    "ffffffff81000100 T second\t[mod]\n"
                    "ffffffff81000200 D data\n"));
  Collected sink;
  // The second is a return address just behind the first function: it is the first's.
  const RecordWords sample = SampleThrough({kBase + 0x180, kBase + 0x100, kBase + 0x50});
  names.OnSample(*DecodeRecord(BytesOf(sample)), sink);
  const Told first{std::string("first\0[kernel]\0", 15), kBase, kBase + 0x100, 4'000'000};
  const Told second{std::string("second\0[mod]\0", 13), kBase + 0x100, kBase + 0x200, 4'000'000};
  EXPECT_THAT(sink.told, ElementsAre(second, first));
  names.OnSample(*DecodeRecord(BytesOf(sample)), sink);
  EXPECT_EQ(sink.told.size(), 2U);
}

TEST(KernelNamesTest, WhatHasNoNameIsNotTold) {
  KernelNames names(KernelSymbols("ffffffff81000100 T only\nffffffff81000200 D data\n"));
  Collected sink;
  const RecordWords sample = SampleThrough({kBase, kBase + 0x300, 0, UINT64_MAX});
  names.OnSample(*DecodeRecord(BytesOf(sample)), sink);
  names.OnSample(*DecodeRecord(BytesOf(SampleThrough({}))), sink);
  EXPECT_TRUE(sink.told.empty());
  KernelNames hidden{KernelSymbols("")};
  hidden.OnSample(*DecodeRecord(BytesOf(sample)), sink);
  EXPECT_TRUE(sink.told.empty());
}

}  // namespace
}  // namespace pinfo
