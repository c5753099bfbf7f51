#include "collector/stack/address_space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "collector/stack/proc_maps.h"

namespace pinfo {
namespace {

Mapping Anonymous(uint64_t start, uint64_t end) {
  Mapping mapping;
  mapping.start = start;
  mapping.end = end;
  return mapping;
}

class AddressSpaceTest : public testing::Test {
 protected:
  [[nodiscard]] bool IsMapped(uint64_t pc) const { return space_.Find(pc).mapping != nullptr; }
  ModuleCache modules_{""};
  AddressSpace space_{modules_, Pid{1}, ""};
};

TEST(ProcMapsTest, ReadsLinesAsTheKernelWritesThem) {
  const auto line = ParseMapsLine(
      "7f0a1b2c3000-7f0a1b2c5000 r-xp 00026000 fe:01 123456                     /usr/lib/a b.so "
      "(deleted)");
  ASSERT_TRUE(line);
  EXPECT_TRUE(line->executable);
  EXPECT_EQ(line->mapping.start, 0x7f0a1b2c3000u);
  EXPECT_EQ(line->mapping.end, 0x7f0a1b2c5000u);
  EXPECT_EQ(line->mapping.file_offset, 0x26000u);
  EXPECT_EQ(line->mapping.device_major, 0xfeu);
  EXPECT_EQ(line->mapping.device_minor, 1u);
  EXPECT_EQ(line->mapping.inode, 123456u);
  EXPECT_EQ(line->mapping.path, "/usr/lib/a b.so (deleted)");
  EXPECT_EQ(ParseMapsLine("1000-2000 r-xp 0 0:0 7 /a\\012b")->mapping.path, "/a\nb");
  EXPECT_EQ(ParseMapsLine("1000-2000 r-xp 00000000 00:00 0 ")->mapping.path, "");
}

TEST(ProcMapsTest, LeavesOutWhatIsNoLine) {
  for (const char* text :
       {"", "-", "1000", "1000-", "1000-2000", "1000-2000 r-xp", "2000-1000 r-xp 0 0:0 0",
        "1000-2000 r-xp 0 0:0 ", "1000-2000 r-xp 0 00 0", "xyz-2000 r-xp 0 0:0 0",
        "1000-20000000000000000 r-xp 0 0:0 0"}) {
    EXPECT_FALSE(ParseMapsLine(text)) << text;
  }
  const auto mappings =
      ParseMaps("1000-2000 r-xp 0 0:0 0\ngarbage\n3000-4000 rw-p 0 0:0 0\n5000-6000 --xp 0 0:0 0");
  ASSERT_EQ(mappings.size(), 2u);
  EXPECT_EQ(mappings[1].start, 0x5000u);
}

TEST(ProcMapsTest, ReadsThisProcessAndNotAnEndedOne) {
  const auto mappings = ReadProcMaps(Pid{static_cast<uint32_t>(::getpid())});
  ASSERT_TRUE(mappings);
  EXPECT_GT(mappings->size(), 3u);
  EXPECT_FALSE(ReadProcMaps(Pid{0x7fffffff}));
}

TEST_F(AddressSpaceTest, ANewMappingReplacesWhatItCovers) {
  space_.Add(Anonymous(0x1000, 0x9000));
  space_.Add(Anonymous(0x3000, 0x4000));
  EXPECT_EQ(space_.Find(0x2fff).mapping->start, 0x1000u);
  EXPECT_EQ(space_.Find(0x3000).mapping->start, 0x3000u);
  EXPECT_EQ(space_.Find(0x4000).mapping->start, 0x1000u);
  EXPECT_EQ(space_.Find(0x4000).address, 0x3000u);  // still the offset in the first
  space_.Add(Anonymous(0x0, 0x10000));
  EXPECT_EQ(space_.Find(0x3000).mapping->end, 0x10000u);
  EXPECT_FALSE(IsMapped(0x10000));
}

TEST_F(AddressSpaceTest, RecordsResetAndUnmap) {
  pinfo_mapping record{};
  record.start = 0x1000;
  record.end = 0x3000;
  record.flags = PINFO_MAPPING_EXECUTABLE;
  space_.Apply(record, "");
  EXPECT_TRUE(IsMapped(0x2000));
  record.start = 0x2000;
  record.flags = 0;
  space_.Apply(record, "");
  EXPECT_FALSE(IsMapped(0x2000));
  EXPECT_TRUE(IsMapped(0x1fff));
  record.start = 0x8000;
  record.end = 0x9000;
  record.flags = PINFO_MAPPING_RESET | PINFO_MAPPING_EXECUTABLE;
  space_.Apply(record, "");
  EXPECT_FALSE(IsMapped(0x1000));
  EXPECT_TRUE(IsMapped(0x8fff));
  record.end = 0;  // ends before it starts
  space_.Apply(record, "");
  EXPECT_TRUE(space_.empty());
}

TEST_F(AddressSpaceTest, AChildHasItsParentsMappingsAndThenItsOwn) {
  space_.Add(Anonymous(0x1000, 0x2000));
  AddressSpace child = space_.Fork(Pid{2});
  child.Add(Anonymous(0x5000, 0x6000));
  EXPECT_NE(child.Find(0x1000).mapping, nullptr);
  EXPECT_FALSE(IsMapped(0x5000));
  EXPECT_EQ(child.pid(), Pid{2});
}

TEST_F(AddressSpaceTest, ProcessesShareTheModulesOfAFile) {
  const Pid self{static_cast<uint32_t>(::getpid())};
  AddressSpace first(modules_, self);
  AddressSpace second(modules_, self);
  ASSERT_TRUE(first.Refresh());
  ASSERT_TRUE(second.Refresh());
  const auto pc = reinterpret_cast<uint64_t>(&::getpid);
  ASSERT_NE(first.Find(pc).module, nullptr);
  EXPECT_EQ(first.Find(pc).module, second.Find(pc).module);
  EXPECT_EQ(modules_.size(), 1u);
  const Module* module = first.Find(pc).module;
  ASSERT_TRUE(first.Refresh());
  EXPECT_EQ(first.Find(pc).module, module);
}

TEST_F(AddressSpaceTest, AnotherFileInThePlaceOfTheMappedOneIsNotRead) {
  Mapping mapping = Anonymous(0x1000, 0x2000);
  mapping.path = "/lib/x86_64-linux-gnu/libc.so.6";
  mapping.inode = 1;  // no file's
  space_.Add(mapping);
  EXPECT_EQ(space_.Find(0x1000).module, nullptr);
  EXPECT_NE(space_.Find(0x1000).mapping, nullptr);
}

}  // namespace
}  // namespace pinfo
