// Against the programs of this machine, each asked for its version itself.
#include "collector/process/runtime_version.h"

#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <unistd.h>

#include "collector/process/proc_reader.h"

namespace pinfo {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string OutputOf(const std::string& command) {
  std::string text;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen((command + " 2>&1").c_str(), "r"), pclose);
  std::array<char, 256> line{};
  while (pipe != nullptr && fgets(line.data(), line.size(), pipe.get()) != nullptr) {
    text += line.data();
  }
  return text;
}

std::string RuntimeOf(const std::string& path) {
  const auto elf = ElfFile::Open("", path);
  return elf ? RuntimeOfFile(**elf) : "cannot be opened: " + elf.error().message;
}

// What follows the last space or slash, without the end of line.
std::string LastWord(std::string text) {
  while (!text.empty() && text.back() == '\n') {
    text.pop_back();
  }
  return text.substr(text.find_last_of(" /v") + 1);
}

TEST(RuntimeVersionTest, PythonSaysTheSameOfItself) {
  EXPECT_EQ(RuntimeOf("/usr/bin/python3.11"),
            "CPython " + LastWord(OutputOf("/usr/bin/python3.11 --version")));
}

TEST(RuntimeVersionTest, NginxSaysTheSameOfItself) {
  EXPECT_EQ(RuntimeOf("/usr/sbin/nginx"), "nginx " + LastWord(OutputOf("/usr/sbin/nginx -v")));
}

TEST(RuntimeVersionTest, NothingIsMadeUp) {
  EXPECT_EQ(RuntimeOf("/usr/bin/env"), "");
  // Its name alone is no proof.
  char path[] = "/tmp/pinfo-runtime-XXXXXX";
  ASSERT_NE(mkdtemp(path), nullptr);
  const std::string copy = std::string(path) + "/nginx";
  ASSERT_EQ(OutputOf("cp /usr/bin/env " + copy), "");
  EXPECT_EQ(RuntimeOf(copy), "");
  OutputOf("rm -r " + std::string(path));
}

TEST(RuntimeVersionTest, AProcessIsToldByItsProgramAndItsLibraries) {
  RuntimeVersions runtimes;
  std::vector<std::string> libraries;
  for (const RecordBytes& record :
       ReadExecutableMaps(Pid{static_cast<uint32_t>(getpid())}).records) {
    pinfo_mapping mapping{};
    std::memcpy(&mapping, record.data(), sizeof(mapping));
    libraries.emplace_back(reinterpret_cast<const char*>(record.data()) + sizeof(mapping),
                           mapping.path_bytes);
  }
  const Pid self{static_cast<uint32_t>(getpid())};
  const std::string glibc = runtimes.Describe(self, ReadExe(self), libraries);
  EXPECT_THAT(glibc, StartsWith("glibc 2."));
  EXPECT_EQ(runtimes.Describe(self, "/usr/bin/python3.11", libraries),
            RuntimeOf("/usr/bin/python3.11") + ", " + glibc);
}

}  // namespace
}  // namespace pinfo
