// ELF files, their unwind tables and the cache of these, with whole and with damaged files.
#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "collector/stack/debug_file.h"
#include "collector/stack/elf_file.h"
#include "collector/stack/root_open.h"
#include "collector/stack/symbol_table.h"
#include "collector/stack/table_cache.h"
#include "collector/stack/unwind_table.h"

namespace pinfo {
namespace {

constexpr const char* kLoader = "/lib64/ld-linux-x86-64.so.2";
constexpr const char* kLibc = "/lib/x86_64-linux-gnu/libc.so.6";

std::vector<std::byte> ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

// Everything that reads a file, at addresses all over it. Returns a figure that depends on it all.
size_t ReadEverything(std::vector<std::byte> bytes) {
  const auto file = ElfFile::FromBytes(std::move(bytes), "damaged");
  if (!file) {
    return 0;
  }
  const UnwindTable table = UnwindTable::Build(**file);
  SymbolTable symbols;
  symbols.Add(**file);
  symbols.Finish();
  size_t found = table.row_count();
  for (uint64_t address = 0; address < 0x40000; address += 0x333) {
    found += table.Find(address) != nullptr ? 1 : 0;
    found += symbols.Find(address).has_value() ? 1 : 0;
  }
  return found;
}

// A table of two rules, number 0 none and number 1 a plain one, by way of its stored form.
UnwindTable TableOf(uint64_t base, std::span<const uint32_t> starts,
                    std::span<const uint16_t> numbers) {
  std::array<UnwindRule, 2> rules;
  rules[1].cfa = CfaKind::kRegister;
  rules[1].cfa_register = PINFO_REGISTER_RSP;
  rules[1].offset = 8;
  std::vector<std::byte> body;
  const auto append = [&body](auto values) {
    const auto bytes = std::as_bytes(values);
    body.insert(body.end(), bytes.begin(), bytes.end());
  };
  append(std::span<const UnwindRule>(rules));
  append(starts);
  append(numbers);
  const std::array<uint64_t, 2> key_and_base = {0, base};
  const std::array<uint32_t, 4> counts = {
      static_cast<uint32_t>(starts.size()), static_cast<uint32_t>(rules.size()),
      static_cast<uint32_t>(
          ::crc32_z(0, reinterpret_cast<const Bytef*>(body.data()), body.size())),
      0};
  const std::vector<std::byte> behind = std::move(body);
  body = {};
  append(std::span<const char>("pinfoUT2", 8));
  append(std::span<const uint64_t>(key_and_base));
  append(std::span<const uint32_t>(counts));
  body.insert(body.end(), behind.begin(), behind.end());
  return UnwindTable::FromBytes(body, 0).value_or(UnwindTable());
}

class ElfTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/pinfo-elf-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::filesystem::path directory_;
};

TEST_F(ElfTest, ReadsARealLibrary) {
  const auto file = ElfFile::Open("", kLibc);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ((*file)->build_id().size(), 40u);
  ASSERT_NE((*file)->FindSection(".text"), nullptr);
  const ElfSection& text = *(*file)->FindSection(".text");
  EXPECT_TRUE((*file)->IsExecutable(text.address));
  EXPECT_EQ((*file)->AddressOfOffset(text.file_offset), text.address);
  EXPECT_EQ((*file)->OffsetOfAddress(text.address), text.file_offset);
  EXPECT_FALSE((*file)->AddressOfOffset(~uint64_t{0}));
}

TEST_F(ElfTest, RefusesWhatIsNoElfFile) {
  EXPECT_FALSE(ElfFile::Open("", "/dev/null"));
  EXPECT_FALSE(ElfFile::Open("", "/no/such/file"));
  EXPECT_FALSE(ElfFile::FromBytes({}, "empty"));
  auto bytes = ReadFile(kLoader);
  bytes[4] = std::byte{1};  // ELFCLASS32
  const auto file = ElfFile::FromBytes(bytes, "old");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().message, "old: an ELF file, but not for x86-64");
}

TEST_F(ElfTest, ANamedPipeIsNeverOpened) {
  const std::string pipe = directory_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_FALSE(OpenInRoot("", pipe));  // an open would wait for a writer
  EXPECT_FALSE(OpenInRoot(directory_, "/pipe"));
}

TEST_F(ElfTest, LinksDoNotLeadOutOfTheRoot) {
  std::ofstream(directory_ / "file") << "inside";
  std::filesystem::create_symlink("/file", directory_ / "link");
  std::filesystem::create_symlink("/etc/passwd", directory_ / "escape");
  std::filesystem::create_symlink("../../../../../etc/passwd", directory_ / "climb");
  const auto fd = OpenInRoot(directory_, "/link");
  ASSERT_TRUE(fd) << fd.error().message;
  char text[6] = {};
  EXPECT_EQ(::read(fd->get(), text, sizeof(text)), 6);
  EXPECT_EQ(std::string(text, 6), "inside");
  EXPECT_FALSE(OpenInRoot(directory_, "/escape"));
  EXPECT_FALSE(OpenInRoot(directory_, "/climb"));
}

TEST_F(ElfTest, WithoutSectionHeadersTheTableIsTheSame) {
  auto bytes = ReadFile(kLoader);
  const auto whole = UnwindTable::Build(**ElfFile::FromBytes(bytes, "whole"));
  std::memset(bytes.data() + 40, 0, 8);  // e_shoff
  std::memset(bytes.data() + 58, 0, 6);  // e_shentsize, e_shnum, e_shstrndx
  const auto file = ElfFile::FromBytes(bytes, "sstripped");
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->sections().empty());
  EXPECT_GT(whole.row_count(), 1000u);
  EXPECT_EQ(UnwindTable::Build(**file).ToBytes(0), whole.ToBytes(0));
}

TEST_F(ElfTest, TruncatedFilesAreRead) {
  const auto bytes = ReadFile(kLoader);
  const size_t whole = ReadEverything(bytes);
  EXPECT_GT(whole, 1000u);
  for (size_t size = 0; size < bytes.size(); size += bytes.size() / 97) {
    EXPECT_LE(ReadEverything({bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size)}), whole);
  }
}

TEST_F(ElfTest, DamagedFilesAreRead) {
  const auto bytes = ReadFile(kLoader);
  const auto file = ElfFile::FromBytes(bytes, "whole");
  const ElfSection& frames = *(*file)->FindSection(".eh_frame");
  uint64_t seed = 7;
  const auto next = [&] {
    return (seed = seed * 6364136223846793005u + 1442695040888963407u) >> 16;
  };
  size_t read = 0;
  for (int round = 0; round < 150; ++round) {
    auto damaged = bytes;
    // Headers, call frame information, and anywhere.
    for (int i = 0; i < 4; ++i) {
      damaged[16 + next() % 600] = static_cast<std::byte>(next());
    }
    for (int i = 0; i < 40; ++i) {
      damaged[frames.file_offset + next() % frames.size] = static_cast<std::byte>(next());
      damaged[next() % damaged.size()] = static_cast<std::byte>(next());
    }
    read += ReadEverything(std::move(damaged)) > 0 ? 1 : 0;
  }
  EXPECT_GT(read, 10u);  // not every one was refused at once
}

TEST_F(ElfTest, TablesSurviveTheCache) {
  const auto file = ElfFile::Open("", kLibc);
  ASSERT_TRUE(file);
  const UnwindTable built = UnwindTable::Build(**file);
  const TableCache cache((directory_ / "deep" / "pinfo").string());
  const auto path = directory_ / "deep" / "pinfo" / ((*file)->build_id() + ".unwind");
  EXPECT_EQ(cache.Get(**file).ToBytes(0), built.ToBytes(0));
  ASSERT_TRUE(std::filesystem::exists(path));
  EXPECT_EQ(cache.Get(**file).ToBytes(0), built.ToBytes(0));
  // Damaged, cut, empty: built again, and the file with it.
  const auto whole = std::filesystem::file_size(path);
  for (const uintmax_t size : {whole - 1, uintmax_t{10}, uintmax_t{0}}) {
    std::filesystem::resize_file(path, size);
    EXPECT_EQ(cache.Get(**file).ToBytes(0), built.ToBytes(0));
    EXPECT_EQ(std::filesystem::file_size(path), whole);
  }
  std::fstream(path, std::ios::in | std::ios::out).seekp(1000) << 'x';
  EXPECT_EQ(cache.Get(**file).ToBytes(0), built.ToBytes(0));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path.parent_path()), {}), 1);
}

TEST_F(ElfTest, ACachedFileThatOthersMayWriteIsNotBelieved) {
  const auto file = ElfFile::Open("", kLibc);
  ASSERT_TRUE(file);
  const auto path = directory_ / ((*file)->build_id() + ".unwind");
  const TableCache cache(directory_.string());
  const size_t rows = cache.Get(**file).row_count();
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  EXPECT_EQ(cache.Get(**file).row_count(), rows);
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);  // written anew
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(path.c_str(), 12345, 12345), 0);
    EXPECT_EQ(cache.Get(**file).row_count(), rows);
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, 0u);
  }
  // A link is not followed: it would lead to a file of somebody's choice.
  std::filesystem::rename(path, directory_ / "elsewhere");
  std::filesystem::create_symlink(directory_ / "elsewhere", path);
  EXPECT_EQ(cache.Get(**file).row_count(), rows);
  EXPECT_FALSE(std::filesystem::is_symlink(path));
}

TEST_F(ElfTest, ADirectoryThatOthersMayWriteIsNoCache) {
  const auto file = ElfFile::Open("", kLibc);
  ASSERT_TRUE(file);
  ASSERT_EQ(::chmod(directory_.c_str(), 0777), 0);
  EXPECT_GT(TableCache(directory_.string()).Get(**file).row_count(), 1000u);
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(ElfTest, AnotherFileOfTheSameBuildIdHasItsOwnTable) {
  auto bytes = ReadFile(kLibc);
  const auto file = ElfFile::FromBytes(bytes, "libc");
  const TableCache cache(directory_.string());
  const auto key_of = [](const UnwindTable& table) { return table.ToBytes(0); };
  const auto table = key_of(cache.Get(**file));
  const ElfSection& frames = *(*file)->FindSection(".eh_frame");
  // A rule in the middle becomes another: same size, same place, same build id.
  for (uint64_t at = frames.size / 2; at < frames.size / 2 + 4096; ++at) {
    bytes[frames.file_offset + at] = std::byte{0};
  }
  const auto forged = ElfFile::FromBytes(bytes, "libc");
  ASSERT_EQ((*forged)->build_id(), (*file)->build_id());
  EXPECT_EQ(key_of(cache.Get(**forged)), key_of(UnwindTable::Build(**forged)));
  EXPECT_NE(key_of(UnwindTable::Build(**forged)), table);
  EXPECT_EQ(key_of(cache.Get(**file)), table);
}

TEST_F(ElfTest, TheCacheStaysBelowItsSizeAndForgetsTheLongestUnused) {
  const auto file = ElfFile::Open("", kLibc);
  ASSERT_TRUE(file);
  const auto make = [&](const std::string& name, size_t size, int days) {
    std::ofstream(directory_ / name) << std::string(size, 'x');
    std::filesystem::last_write_time(
        directory_ / name, std::filesystem::file_time_type::clock::now() - std::chrono::hours(24 * days));
  };
  make("old.unwind", 900'000, 30);
  make("recent.unwind", 100'000, 1);
  make("killed.unwind.0123456789abcdef", 10, 2);
  make("unrelated", 2'000'000, 90);
  const TableCache cache(directory_.string(), 1'000'000);
  EXPECT_GT(cache.Get(**file).row_count(), 1000u);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "old.unwind"));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "killed.unwind.0123456789abcdef"));
  EXPECT_TRUE(std::filesystem::exists(directory_ / "recent.unwind"));
  EXPECT_TRUE(std::filesystem::exists(directory_ / "unrelated"));
  EXPECT_TRUE(std::filesystem::exists(directory_ / ((*file)->build_id() + ".unwind")));
}

TEST_F(ElfTest, DebugFrameWhereEhFrameIsMissing) {
  const auto whole = ElfFile::Open("", PINFO_DEBUG_FRAME_FIXTURE);
  const auto stripped = ElfFile::Open("", PINFO_STRIPPED_DEBUG_FRAME);
  ASSERT_TRUE(whole && stripped);
  ASSERT_NE((*whole)->FindSection(".debug_frame"), nullptr);
  ASSERT_EQ((*stripped)->FindSection(".debug_frame"), nullptr);
  SymbolTable symbols;
  symbols.Add(**whole);
  symbols.Finish();
  const ElfSection& text = *(*whole)->FindSection(".text");
  uint64_t start = text.address;
  while (start < text.address + text.size &&
         !(symbols.Find(start) && symbols.Find(start)->name == "debug_frame_calls")) {
    ++start;
  }
  ASSERT_LT(start, text.address + text.size);
  const UnwindTable table = UnwindTable::Build(**whole);
  ASSERT_NE(table.Find(start), nullptr);
  EXPECT_EQ(table.Find(start)->cfa, CfaKind::kRegister);
  EXPECT_EQ(UnwindTable::Build(**stripped).Find(start), nullptr);
  const auto debug = FindDebugFile(**stripped, "");
  ASSERT_NE(debug, nullptr);
  EXPECT_EQ(UnwindTable::Build(**stripped, debug.get()).ToBytes(0), table.ToBytes(0));
}

TEST_F(ElfTest, ACacheThatCannotBeWrittenIsNone) {
  const auto file = ElfFile::Open("", kLibc);
  ASSERT_TRUE(file);
  EXPECT_GT(TableCache("/proc/nowhere/pinfo").Get(**file).row_count(), 1000u);
}

// What a damaged file can claim: rows 4 GB apart, and many in one place.
TEST_F(ElfTest, RowsFarApartAreFoundWithoutAnIndexOfAllBetween) {
  constexpr uint32_t kCrowd = 100'000;
  std::vector<uint32_t> starts;
  std::vector<uint16_t> numbers;
  for (uint32_t i = 0; i < kCrowd; ++i) {
    starts.push_back(i);
    numbers.push_back(i % 2);
  }
  starts.push_back(0xfffffff0u);
  numbers.push_back(1);
  const UnwindTable table = TableOf(0x1000, starts, numbers);
  ASSERT_EQ(table.row_count(), starts.size());
  for (const uint32_t at : {0u, 1u, 31u, 54'321u, 99'998u}) {
    EXPECT_EQ(table.Find(0x1000 + uint64_t{at}) != nullptr, at % 2 == 1) << at;
  }
  EXPECT_NE(table.Find(0x1000 + uint64_t{0x80000000}), nullptr);  // the crowd's last row
  EXPECT_NE(table.Find(0x1000 + uint64_t{0xfffffff4}), nullptr);
  EXPECT_LE(table.IndexBytes(), size_t{20} * starts.size());
}

TEST_F(ElfTest, AForgedTableIsRefused) {
  const auto file = ElfFile::Open("", kLoader);
  ASSERT_TRUE(file);
  auto bytes = UnwindTable::Build(**file).ToBytes(5);
  EXPECT_TRUE(UnwindTable::FromBytes(bytes, 5));
  EXPECT_FALSE(UnwindTable::FromBytes(bytes, 6));
  for (size_t size = 0; size < bytes.size(); size += 101) {
    EXPECT_FALSE(UnwindTable::FromBytes(std::span(bytes).first(size), 5));
  }
  constexpr size_t kBase = 16;  // behind magic and key: the base address, which may be any
  for (size_t at = 0; at < kBase; ++at) {
    auto forged = bytes;
    forged[at] ^= std::byte{0x80};
    EXPECT_FALSE(UnwindTable::FromBytes(forged, 5)) << at;
  }
}

}  // namespace
}  // namespace pinfo
