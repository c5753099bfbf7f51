#include "collector/process/system_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "collector/source/record.h"

namespace pinfo {
namespace {

TEST(SystemReaderTest, UnderstandsTheKernelsTexts) {
  const pinfo_system system = ParseSystem(
      {.meminfo = "MemTotal:        8000 kB\nMemFree:         1000 kB\nMemAvailable:    3000 kB\n"
                  "Buffers:          200 kB\nCached:          1800 kB\nSwapCached:         7 kB\n"
                  "SwapTotal:        500 kB\nSwapFree:         400 kB\n",
       .loadavg = "1.53 0.08 12.00 3/123 4567\n",
       .uptime = "100.25 180.00\n",
       .stat = "cpu  100 5 50 1000 20 1 2 3 90 5\ncpu0 1 1 1 1\ncpu1 1 1 1 1\nintr 5\n",
       .cpu_pressure = "some avg10=1.53 avg60=0.00 avg300=0.00 total=1\n",
       .memory_pressure = "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=9.00\n",
       .io_pressure = "some avg10=100.00 avg60=0.00 avg300=0.00 total=1\n"});
  EXPECT_EQ(system.memory_total_bytes, 8000U * 1024);
  EXPECT_EQ(system.memory_free_bytes, 1000U * 1024);
  EXPECT_EQ(system.memory_available_bytes, 3000U * 1024);
  EXPECT_EQ(system.memory_buffers_bytes, 200U * 1024);
  EXPECT_EQ(system.memory_cached_bytes, 1800U * 1024);
  EXPECT_EQ(system.swap_total_bytes, 500U * 1024);
  EXPECT_EQ(system.swap_free_bytes, 400U * 1024);
  EXPECT_EQ(system.load1_milli, 1530U);
  EXPECT_EQ(system.load5_milli, 80U);
  EXPECT_EQ(system.load15_milli, 12000U);
  EXPECT_EQ(system.uptime_ns, 100'250'000'000U);
  const uint64_t tick_ns = 1'000'000'000 / static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  EXPECT_EQ(system.cpu_idle_ns, 1020 * tick_ns);  // idle and waiting for the disk
  EXPECT_EQ(system.cpu_busy_ns, 161 * tick_ns);   // guests are in user time already
  EXPECT_EQ(system.cpus, 2U);
  EXPECT_EQ(system.has_pressure, 1U);
  EXPECT_EQ(system.cpu_pressure_bp, 153U);
  EXPECT_EQ(system.memory_pressure_bp, 0U);
  EXPECT_EQ(system.io_pressure_bp, 10'000U);
}

TEST(SystemReaderTest, TextsOfAnotherKindGiveZeroes) {
  for (const char* text : {"", "\n", "cpu", "cpu ", "some avg10=", "some avg10=-3",
                           "MemTotal:", "MemTotal: 99999999999999999999999 kB", "x y z"}) {
    const pinfo_system system = ParseSystem({.meminfo = text,
                                             .loadavg = text,
                                             .uptime = text,
                                             .stat = text,
                                             .cpu_pressure = text,
                                             .memory_pressure = text,
                                             .io_pressure = text});
    EXPECT_EQ(system.load1_milli, 0U) << text;
    EXPECT_EQ(system.cpu_busy_ns, 0U) << text;
    EXPECT_EQ(system.io_pressure_bp, 0U) << text;
  }
}

TEST(SystemReaderTest, ThisMachineHasMemoryAndCpus) {
  const RecordBytes bytes = ReadSystemRecord();
  const auto record = DecodeRecord(std::as_bytes(std::span(bytes)));
  ASSERT_TRUE(record.has_value());
  ASSERT_EQ(record->type(), PINFO_RECORD_SYSTEM);
  const auto& system = record->as<pinfo_system>();
  EXPECT_GT(system.memory_total_bytes, 1U << 20);
  EXPECT_GE(system.memory_total_bytes, system.memory_available_bytes);
  EXPECT_GE(system.cpus, 1U);
  EXPECT_GT(system.uptime_ns, 0U);
  EXPECT_GT(system.cpu_busy_ns, 0U);
}

}  // namespace
}  // namespace pinfo
