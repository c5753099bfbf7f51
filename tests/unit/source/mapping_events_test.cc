#include "collector/source/mapping_events.h"

#include <cstring>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <unistd.h>

namespace pinfo {
namespace {

void Append(std::vector<std::byte>& bytes, const void* data, size_t size) {
  const auto* begin = static_cast<const std::byte*>(data);
  bytes.insert(bytes.end(), begin, begin + size);
}

std::vector<std::byte> Mmap2Record(uint32_t pid, uint64_t start, uint64_t length,
                                   std::string path) {
  path.resize((path.size() + 8) & ~size_t{7});
  std::vector<std::byte> body;
  const uint32_t ids[2] = {pid, pid + 1};
  const uint64_t place[3] = {start, length, 0x2000};
  const uint32_t device[2] = {8, 1};
  const uint64_t inode[2] = {4711, 0};
  const uint32_t protection[2] = {PROT_READ | PROT_EXEC, MAP_PRIVATE};
  const uint64_t time = 123456789;
  Append(body, ids, sizeof(ids));
  Append(body, place, sizeof(place));
  Append(body, device, sizeof(device));
  Append(body, inode, sizeof(inode));
  Append(body, protection, sizeof(protection));
  Append(body, path.data(), path.size());
  Append(body, ids, sizeof(ids));
  Append(body, &time, sizeof(time));
  perf_event_header header{};
  header.type = PERF_RECORD_MMAP2;
  header.size = static_cast<uint16_t>(sizeof(header) + body.size());
  std::vector<std::byte> record;
  Append(record, &header, sizeof(header));
  record.insert(record.end(), body.begin(), body.end());
  return record;
}

struct Seen {
  pinfo_mapping mapping;
  std::string path;
};

bool VisitAll(const std::vector<std::byte>& bytes, std::vector<Seen>& seen) {
  return VisitMappingEvents(bytes, [&](const MappingEvent& event) {
    seen.push_back({event.mapping, std::string(event.path)});
  });
}

TEST(MappingEventsTest, ReadsTheKernelsRecords) {
  auto bytes = Mmap2Record(77, 0x1000, 0x3000, "/usr/lib/libx.so");
  const auto second = Mmap2Record(78, 0x9000, 0x1000, "//anon");
  bytes.insert(bytes.end(), second.begin(), second.end());
  std::vector<Seen> seen;
  EXPECT_TRUE(VisitAll(bytes, seen));
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].path, "/usr/lib/libx.so");
  EXPECT_EQ(seen[0].mapping.header.pid, 77u);
  EXPECT_EQ(seen[0].mapping.header.time_ns, 123456789u);
  EXPECT_EQ(seen[0].mapping.start, 0x1000u);
  EXPECT_EQ(seen[0].mapping.end, 0x4000u);
  EXPECT_EQ(seen[0].mapping.file_offset, 0x2000u);
  EXPECT_EQ(seen[0].mapping.inode, 4711u);
  EXPECT_EQ(seen[0].mapping.path_bytes, seen[0].path.size());
  EXPECT_EQ(seen[0].mapping.header.size, sizeof(pinfo_mapping) + seen[0].path.size());
  EXPECT_EQ(seen[1].path, "");
}

TEST(MappingEventsTest, ALossIsSaid) {
  perf_event_header lost{};
  lost.type = PERF_RECORD_LOST;
  lost.size = sizeof(lost) + 16;
  std::vector<std::byte> bytes;
  Append(bytes, &lost, sizeof(lost));
  bytes.resize(lost.size);
  const auto record = Mmap2Record(1, 0x1000, 0x1000, "/x");
  bytes.insert(bytes.end(), record.begin(), record.end());
  std::vector<Seen> seen;
  EXPECT_FALSE(VisitAll(bytes, seen));
  EXPECT_EQ(seen.size(), 1u);
}

TEST(MappingEventsTest, DamageEndsTheReadingInsideTheBytes) {
  const auto whole = Mmap2Record(1, 0x1000, 0x1000, "/some/library.so");
  std::vector<Seen> seen;
  for (size_t size = 0; size < whole.size(); ++size) {
    VisitAll({whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)}, seen);
  }
  EXPECT_TRUE(seen.empty());
  auto tiny = whole;
  perf_event_header header{};
  std::memcpy(&header, tiny.data(), sizeof(header));
  header.size = 4;  // less than itself
  std::memcpy(tiny.data(), &header, sizeof(header));
  EXPECT_FALSE(VisitAll(tiny, seen));
  header.size = 32;  // too short for what it should hold
  std::memcpy(tiny.data(), &header, sizeof(header));
  EXPECT_FALSE(VisitAll(tiny, seen));
  EXPECT_FALSE(VisitAll(Mmap2Record(1, 0x1000, 0, "/empty"), seen));
  EXPECT_FALSE(VisitAll(Mmap2Record(1, ~uint64_t{0}, 0x1000, "/wraps"), seen));
  EXPECT_TRUE(seen.empty());
}

TEST(MappingEventsTest, TheKernelTellsOfALibraryThatIsLoaded) {
  auto events = MappingEvents::Open();
  if (!events) {
    GTEST_SKIP() << events.error().message;
  }
  void* handle = ::dlopen("liblzma.so.5", RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(handle, nullptr);
  bool found = false;
  (*events)->Drain([&](const MappingEvent& event) {
    found = found || (event.mapping.header.pid == static_cast<uint32_t>(::getpid()) &&
                      event.path.find("liblzma") != std::string_view::npos);
  });
  EXPECT_TRUE(found);
  ::dlclose(handle);
}

}  // namespace
}  // namespace pinfo
