#include "collector/stack/symbolizer.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <dlfcn.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/stack/debug_file.h"
#include "collector/stack/debug_info.h"
#include "collector/stack/demangle.h"
#include "collector/stack/proc_maps.h"
#include "collector/stack/symbol_table.h"
#include "tests/unit/stack/fixture.h"

namespace pinfo {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::Field;
using testing::StartsWith;

uint64_t g_return_address = 0;
void NoteReturnAddress() {
  g_return_address = reinterpret_cast<uint64_t>(__builtin_return_address(0));
}

class SymbolizerTest : public testing::Test {
 protected:
  SymbolizerTest() : space_(modules_, Pid{static_cast<uint32_t>(::getpid())}) {
    EXPECT_TRUE(space_.Refresh());
  }
  FrameRow Only(uint64_t pc) {
    const auto frames = symbolizer_.Symbolize(space_, pc, false);
    EXPECT_EQ(frames.size(), 1u);
    return frames.front();
  }
  static uint64_t AddressOf(const char* symbol) {
    return reinterpret_cast<uint64_t>(::dlsym(RTLD_DEFAULT, symbol));
  }

  ModuleCache modules_{""};
  AddressSpace space_;
  Symbolizer symbolizer_;
};

TEST_F(SymbolizerTest, InlinedFunctionsAreFramesOfTheirOwn) {
  fixture::Outer(&NoteReturnAddress);
  const fixture::Lines lines = fixture::ExpectedLines();
  const auto frames = symbolizer_.Symbolize(space_, g_return_address, true);
  ASSERT_EQ(frames.size(), 3u);
  EXPECT_EQ(frames[0].function, "fixture::(anonymous namespace)::Inner");
  EXPECT_EQ(frames[1].function, "fixture::(anonymous namespace)::Middle");
  EXPECT_EQ(frames[2].function, "fixture::Outer(void (*)())");
  EXPECT_THAT(frames, testing::Each(Field(&FrameRow::file, EndsWith("stack/fixture.cc"))));
  EXPECT_TRUE(frames[0].inlined);
  EXPECT_TRUE(frames[1].inlined);
  EXPECT_FALSE(frames[2].inlined);
  EXPECT_EQ(frames[0].line, lines.inner_call);
  EXPECT_EQ(frames[1].line, lines.middle_call);
  EXPECT_EQ(frames[2].line, lines.outer_call);
  EXPECT_EQ(frames[2].function_line, lines.outer_begin);
}

TEST_F(SymbolizerTest, DwarfIsHeldWithinBounds) {
  fixture::Outer(&NoteReturnAddress);
  const uint64_t own = reinterpret_cast<uint64_t>(&NoteReturnAddress);
  const auto elf_of = [&](uint64_t pc) -> const ElfFile& { return space_.Find(pc).module->elf(); };
  const uint64_t one = DebugInfo::BytesOf(elf_of(g_return_address));
  const uint64_t other = DebugInfo::BytesOf(elf_of(own));
  ASSERT_GT(one, 0u);
  ASSERT_GT(other, 0u);

  Symbolizer none(one - 1);  // too much: names by symbols, without lines or inlined functions
  const auto plain = none.Symbolize(space_, g_return_address, true);
  ASSERT_EQ(plain.size(), 1u);
  EXPECT_EQ(plain[0].function, "fixture::Outer(void (*)())");
  EXPECT_EQ(plain[0].file, "");

  // Room for the larger of two: what is closed is read again. Distinct addresses, else the names
  // are remembered.
  Symbolizer either(std::max(one, other) + 1);
  for (const uint64_t pc : {g_return_address, own, g_return_address - 1, own + 1}) {
    const auto frames = either.Symbolize(space_, pc, false);
    EXPECT_THAT(frames.back().file, EndsWith(pc + 1 >= own && pc <= own + 1 ? "symbolizer_test.cc"
                                                                            : "stack/fixture.cc"));
  }
}

TEST_F(SymbolizerTest, NamesOnlyWhatASymbolCovers) {
  const uint64_t measured = AddressOf("fixture_measured");
  ASSERT_NE(measured, 0u);
  EXPECT_EQ(Only(measured).function, "fixture_measured");
  EXPECT_EQ(Only(measured + 8).function, "fixture_measured");
  EXPECT_THAT(Only(measured + 9).function, StartsWith("libstack_fixture.so+0x"));
  EXPECT_THAT(Only(AddressOf("fixture_gap") + 3).function, StartsWith("libstack_fixture.so+0x"));
}

TEST_F(SymbolizerTest, ALabelWithoutSizeReachesToTheNextSymbol) {
  const uint64_t unmeasured = AddressOf("fixture_unmeasured");
  EXPECT_EQ(Only(unmeasured + 15).function, "fixture_unmeasured");
  EXPECT_EQ(Only(unmeasured + 16).function, "fixture_next");
  EXPECT_THAT(Only(unmeasured + 17).function, StartsWith("libstack_fixture.so+0x"));
}

TEST_F(SymbolizerTest, AReturnAddressBelongsToTheCallBeforeIt) {
  const auto frames = symbolizer_.Symbolize(space_, AddressOf("fixture_next"), true);
  EXPECT_THAT(frames, ElementsAre(Field(&FrameRow::function, "fixture_unmeasured")));
}

TEST_F(SymbolizerTest, AliasesHaveThePlainName) {
  // libc: read, __read (and __libc_read in older ones) are one function.
  // Asked of libc itself: a sanitizer has a read of its own.
  void* libc = ::dlopen("libc.so.6", RTLD_NOLOAD | RTLD_NOW);
  ASSERT_NE(libc, nullptr);
  const auto read = reinterpret_cast<uint64_t>(::dlsym(libc, "read"));
  EXPECT_EQ(symbolizer_.Symbolize(space_, read, false).back().function, "read");
  ::dlclose(libc);
}

TEST_F(SymbolizerTest, TheVdsoHasNames) {
  const uint64_t vdso = ::getauxval(AT_SYSINFO_EHDR);
  ASSERT_NE(vdso, 0u);
  const CodeLocation at = space_.Find(vdso);
  ASSERT_NE(at.module, nullptr);
  SymbolTable symbols;
  symbols.Add(at.module->elf());
  EXPECT_GT(symbols.size(), 0u);
  EXPECT_GT(at.module->table().row_count(), 0u);
  EXPECT_THAT(Only(vdso).function, StartsWith("[vdso]+0x"));
}

TEST_F(SymbolizerTest, UnmappedAndUnreadablePlacesAreSaidSo) {
  EXPECT_EQ(Only(0x10).function, "[unknown]");
  Mapping gone;
  gone.start = 0x1000;
  gone.end = 0x2000;
  gone.file_offset = 0x5000;
  gone.inode = 1;
  gone.path = "/no/such/libgone.so (deleted)";
  space_.Add(gone);
  const FrameRow row = Only(0x1234);
  EXPECT_EQ(row.function, "libgone.so+0x5234");
  EXPECT_EQ(row.module, "/no/such/libgone.so");
}

TEST_F(SymbolizerTest, JitCodeIsNamedByThePerfMap) {
  char root[] = "/tmp/pinfo-symbolizer-XXXXXX";
  ASSERT_NE(::mkdtemp(root), nullptr);
  const std::string tmp = std::string(root) + "/tmp";
  ASSERT_EQ(::mkdir(tmp.c_str(), 0700), 0);
  const std::string file = tmp + "/perf-" + std::to_string(::getpid()) + ".map";
  std::ofstream(file) << "1000 100 LazyCompile:*render /app/view.js:12\n";
  AddressSpace space(modules_, Pid{static_cast<uint32_t>(::getpid())}, root);
  Mapping code;
  code.start = 0x1000;
  code.end = 0x3000;
  space.Add(code);
  const auto frames = symbolizer_.Symbolize(space, 0x10ff, false);
  EXPECT_THAT(frames,
              ElementsAre(Field(&FrameRow::function, "LazyCompile:*render /app/view.js:12")));
  EXPECT_EQ(symbolizer_.Symbolize(space, 0x1100, false)[0].function, "[unknown]");
  std::ofstream(file, std::ios::app) << "1100 10 later\n";
  // Looked at again after a number of misses.
  for (int i = 0; i < 4; ++i) {
    (void)symbolizer_.Symbolize(space, 0x2000, false);
  }
  EXPECT_EQ(symbolizer_.Symbolize(space, 0x1100, false)[0].function, "later");
  ::unlink(file.c_str());
  ::rmdir(tmp.c_str());
  ::rmdir(root);
}

class PerfMapFileTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(::mkdtemp(root_), nullptr);
    ASSERT_EQ(::mkdir((std::string(root_) + "/tmp").c_str(), 0700), 0);
    std::ofstream(Path()) << "1000 100 compiled\n";
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  [[nodiscard]] std::string Path() const {
    return std::string(root_) + "/tmp/perf-" + std::to_string(::getpid()) + ".map";
  }
  [[nodiscard]] bool IsBelieved() const {
    PerfMap map;
    map.Refresh(Pid{static_cast<uint32_t>(::getpid())}, root_);
    return map.Find(0x1000).has_value();
  }
  char root_[32] = "/tmp/pinfo-perfmap-XXXXXX";
};

TEST_F(PerfMapFileTest, OneOfTheProcessIsRead) { EXPECT_TRUE(IsBelieved()); }

TEST_F(PerfMapFileTest, OneFromBeforeTheProcessIsAnothers) {
  std::filesystem::last_write_time(
      Path(), std::filesystem::file_time_type::clock::now() - std::chrono::hours(24 * 365));
  EXPECT_FALSE(IsBelieved());
}

TEST_F(PerfMapFileTest, OneOfAnotherUserIsNotBelieved) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root can give a file away";
  }
  ASSERT_EQ(::chown(Path().c_str(), 12345, 12345), 0);
  EXPECT_FALSE(IsBelieved());
}

TEST(PerfMapTest, BeyondItsLimitNewCodeHasNoNameAndOldCodeNoWrongOne) {
  PerfMap map;
  const std::string long_name(1000, 'n');
  size_t added = 0;
  for (uint64_t at = 0; map.size() == added; ++at) {
    map.Add(fmt::format("{:x} 10 {}\n", 0x100000 + at * 0x10, long_name));
    ++added;
  }
  EXPECT_LE(map.size(), PerfMap::kMaxTextBytes / long_name.size());
  EXPECT_EQ(map.Find(0x100000), long_name);
  map.Add("ffff8 10 " + long_name + "x\n");  // overlaps the first, and fits in its place
  EXPECT_FALSE(map.Find(0x10000f));
}

TEST(DebugFileTest, AStrippedFileFindsItsDebugFile) {
  auto stripped = ElfFile::Open("", PINFO_STRIPPED_FIXTURE);
  ASSERT_TRUE(stripped) << stripped.error().message;
  EXPECT_EQ((*stripped)->FindSection(".symtab"), nullptr);
  EXPECT_EQ((*stripped)->FindSection(".debug_info"), nullptr);
  const auto debug = FindDebugFile(**stripped, "");
  ASSERT_NE(debug, nullptr);
  EXPECT_NE(debug->FindSection(".symtab"), nullptr);
  EXPECT_NE(DebugInfo::Open(*debug), nullptr);
}

TEST(DebugFileTest, EmbeddedSymbolsNameLocalFunctions) {
  auto file = ElfFile::Open("", PINFO_EMBEDDED_FIXTURE);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ((*file)->FindSection(".symtab"), nullptr);
  SymbolTable exported;
  exported.Add(**file);
  exported.Finish();
  const auto embedded = ReadEmbeddedSymbols(**file);
  ASSERT_NE(embedded, nullptr);
  SymbolTable all;
  all.Add(**file);
  all.Add(*embedded);
  all.Finish();
  const ElfSection& text = *(*file)->FindSection(".text");
  size_t more = 0;
  bool found = false;
  for (uint64_t at = text.address; at < text.address + text.size; ++at) {
    more += all.Find(at) && !exported.Find(at) ? 1 : 0;
    found = found || (all.Find(at) && all.Find(at)->name == "fixture_local");
  }
  EXPECT_GT(more, 0u);
  EXPECT_TRUE(found);
}

TEST(DebugFileTest, DamagedEmbeddedSymbolsAreNone) {
  std::ifstream in(PINFO_EMBEDDED_FIXTURE, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  const auto file = ElfFile::FromBytes(bytes, "embedded");
  ASSERT_NE(ReadEmbeddedSymbols(**file), nullptr);
  const ElfSection& section = *(*file)->FindSection(".gnu_debugdata");
  for (uint64_t at = 0; at + 8 < section.size; at += section.size / 50 + 1) {
    auto damaged = bytes;
    for (uint64_t i = 0; i < 8; ++i) {
      damaged[section.file_offset + at + i] ^= std::byte{0xa5};
    }
    EXPECT_EQ(ReadEmbeddedSymbols(**ElfFile::FromBytes(damaged, "damaged")), nullptr) << at;
  }
}

TEST(ReplacedFileTest, OnlyTheFileOfTheMappedBuildIdIsRead) {
  char directory[] = "/tmp/pinfo-replaced-XXXXXX";
  ASSERT_NE(::mkdtemp(directory), nullptr);
  const std::filesystem::path path = std::filesystem::path(directory) / "library.so";
  std::filesystem::copy_file(PINFO_FIXTURE, path);
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(handle, nullptr) << ::dlerror();
  const Pid self{static_cast<uint32_t>(::getpid())};
  const auto mappings = ReadProcMaps(self);
  ASSERT_TRUE(mappings);
  const auto mapped = std::find_if(mappings->begin(), mappings->end(),
                                   [&](const Mapping& each) { return each.path == path.string(); });
  ASSERT_NE(mapped, mappings->end());
  // The kernel's link needs the mapping's very bounds, and root: a part has to do by the path.
  Mapping part = *mapped;
  part.end -= 4096;
  const auto is_read = [&] { return ModuleCache("").Load(self, "", part) != nullptr; };
  EXPECT_TRUE(is_read());
  const auto replace_by = [&](const char* other) {
    const std::filesystem::path next = path.string() + ".new";
    std::filesystem::copy_file(other, next);
    std::filesystem::rename(next, path);
  };
  replace_by("/lib/x86_64-linux-gnu/libm.so.6");
  EXPECT_FALSE(is_read());
  replace_by(PINFO_FIXTURE);  // as a package that is installed again
  EXPECT_TRUE(is_read());
  std::filesystem::remove(path);
  EXPECT_FALSE(is_read());
  ::dlclose(handle);
  std::filesystem::remove_all(directory);
}

TEST(DemangleTest, KnowsCxxAndRust) {
  EXPECT_EQ(Demangle("_ZN5boost6system14error_categoryD0Ev"),
            "boost::system::error_category::~error_category()");
  EXPECT_EQ(Demangle("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE"),
            "core::fmt::Formatter::pad");
  EXPECT_EQ(Demangle("_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$"
                     "3bar17h930b740aa94f1d3aE"),
            "<Test + 'static as foo::Bar<Test>>::bar");
  EXPECT_EQ(Demangle("memcpy@@GLIBC_2.14"), "memcpy");
  EXPECT_EQ(Demangle("main"), "main");
  EXPECT_EQ(Demangle("_Znonsense!"), "_Znonsense!");
  const std::string endless = "_Z" + std::string(100'000, '1');
  EXPECT_EQ(Demangle(endless), endless);
}

TEST(PerfMapTest, LaterLinesReplaceEarlierOnes) {
  PerfMap map;
  const std::string_view text =
      "1000 100 old\n"
      "nonsense\n"
      "ffffffffffffffff 10 wraps\n"
      "2000 0 empty\n"
      "0x1080 100 new name\n"
      "3000 10 cut";
  EXPECT_EQ(map.Add(text), text.size() - 11);
  EXPECT_FALSE(map.Find(0x1000));  // overlapped: its memory was reused
  EXPECT_EQ(map.Find(0x1080), "new name");
  EXPECT_EQ(map.Find(0x117f), "new name");
  EXPECT_FALSE(map.Find(0x1180));
  EXPECT_FALSE(map.Find(0x3000));
  EXPECT_EQ(map.size(), 1u);
}

}  // namespace
}  // namespace pinfo
