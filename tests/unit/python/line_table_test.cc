#include "collector/python/line_table.h"

#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace pinfo {
namespace {

// The table that each version's compiler makes for one function with a loop that is continued, an
// exception handler, calls over several lines and 200 empty lines in its middle; and what the
// version's own dis.findlinestarts (3.8, 3.9) or code.co_lines says of it: {offset, line from
// there on}, 0 for no line.
struct Compiled {
  PythonVersion version;
  std::string_view table_in_hexadecimal;
  std::vector<std::pair<uint32_t, uint32_t>> lines;
  uint32_t code_bytes;
};

const std::vector<Compiled>& AllCompiled() {
  static const std::vector<Compiled> all = {
      {0x0308,
       "0001060202fe060404010201020102fe080310011c02087f004a0801040002010a01020102ff",
       {{0, 2},
        {6, 4},
        {8, 2},
        {14, 6},
        {18, 7},
        {20, 8},
        {22, 9},
        {24, 7},
        {32, 10},
        {48, 11},
        {76, 13},
        {84, 214},
        {92, 215},
        {98, 216},
        {108, 217},
        {110, 218},
        {112, 217}},
       116},
      {0x0309,
       "0001060202fe060404010201020102fe08030e011e02107f004a080106010a01020102ff",
       {{0, 2},
        {6, 4},
        {8, 2},
        {14, 6},
        {18, 7},
        {20, 8},
        {22, 9},
        {24, 7},
        {32, 10},
        {46, 11},
        {76, 13},
        {92, 214},
        {100, 215},
        {106, 216},
        {116, 217},
        {118, 218},
        {120, 217}},
       124},
      {0x030a,
       "0601020206fe040402010201020108fe0e030601088002ff02fd1006007f084a06010a0102010201"
       "04ff",
       {{0, 2},    {6, 4},    {8, 2},    {14, 6},    {18, 7},    {20, 8},   {22, 9},
        {24, 7},   {32, 10},  {46, 11},  {52, 0},    {60, 10},   {62, 7},   {64, 13},
        {80, 214}, {88, 215}, {94, 216}, {104, 217}, {106, 218}, {108, 217}},
       112},
      {0x030b,
       "8000f002030906f000030906e01112f005030906f100030906f4000309068041f00807050cdd0809"
       "d80c0dd80c0df10502090ff40002090ff00002090ff00002090ff8f506000c16f000010522f00001"
       "0522f000010522dd0e1aa001d00821f8f8f8f8f003010522f8f8f8f00702090ff50c00090a89038c"
       "0388038803f88d0189038c0388038803f8f8f8f05206000e0ff00002050df00002050d8801d80b0c"
       "880e8868dd0809882189048c0488048804d80c0dd80c0df003010c0ff00001050f",
       {{0, 1},     {2, 2},     {6, 4},     {8, 2},     {26, 6},   {28, 7},  {40, 8},
        {42, 9},    {44, 7},    {62, 0},    {64, 10},   {82, 11},  {98, 0},  {106, 10},
        {108, 0},   {114, 7},   {116, 13},  {146, 0},   {148, 13}, {178, 0}, {184, 214},
        {192, 215}, {198, 216}, {230, 217}, {232, 218}, {234, 217}},
       238},
      {0x030c,
       "8000f006001213f605030906e00c0df20300090af0030309068041f000030906f00807050cdc0809"
       "d80c0dd80c0df50502090ff40c00090a8c03f05206000e0ff20002050d8801d90b0c8868dc080988"
       "218d04f00502050df006000d0ed80c0df003010c0ff00001050ff9f26f06030906f8f410000c16f2"
       "00010522dc0e1aa001d00821fbf003010522fbf40600090a8d03fa",
       {{0, 1},     {2, 4},     {4, 2},     {18, 4},   {20, 3},   {26, 2},   {32, 6},   {34, 7},
        {44, 8},    {46, 9},    {48, 7},    {60, 13},  {80, 214}, {90, 215}, {96, 216}, {120, 214},
        {122, 217}, {124, 218}, {126, 217}, {130, 0},  {134, 2},  {140, 0},  {142, 10}, {158, 11},
        {172, 0},   {180, 10},  {182, 0},   {190, 13}, {212, 0}},
       218},
      {0x030d,
       "8000f106001213f305030906e111128841f30300090ad91112f005000506f000030906f00807050c"
       "dc0809d80c0dd80c0df50502090ff40c00090a8c03f35206000e0f8801de0b0c8968dc080988218e"
       "04f105000e0ff006000d0ed80c0df003010c0ff00001050ff9f26f06030906f8f410000c16f30001"
       "0522dc0e1aa001d00821fbf003010522fbf40600090a8d03fa",
       {{0, 1},     {2, 4},     {6, 2},     {14, 4},    {20, 3},   {28, 4},   {32, 2},   {36, 6},
        {38, 7},    {48, 8},    {50, 9},    {52, 7},    {64, 13},  {84, 214}, {94, 215}, {112, 216},
        {138, 214}, {142, 217}, {144, 218}, {146, 217}, {150, 0},  {154, 2},  {160, 0},  {162, 10},
        {180, 11},  {194, 0},   {202, 10},  {204, 0},   {212, 13}, {234, 0}},
       240},
  };
  return all;
}

std::vector<std::byte> FromHexadecimal(std::string_view text) {
  std::vector<std::byte> bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(std::byte(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

TEST(PythonLineTest, EveryInstructionHasTheLineThatPythonItselfSays) {
  for (const Compiled& compiled : AllCompiled()) {
    const std::vector<std::byte> table = FromHexadecimal(compiled.table_in_hexadecimal);
    size_t run = 0;
    for (uint32_t offset = 0; offset < compiled.code_bytes; offset += 2) {
      if (run + 1 < compiled.lines.size() && compiled.lines[run + 1].first <= offset) {
        ++run;
      }
      EXPECT_EQ(PythonLine(compiled.version, table, 1, offset), compiled.lines[run].second)
          << std::hex << compiled.version << " at " << std::dec << offset;
    }
  }
}

TEST(PythonLineTest, AFrameThatHasNotBegunIsAtItsFirstLine) {
  for (const Compiled& compiled : AllCompiled()) {
    EXPECT_EQ(PythonLine(compiled.version, {}, 17, PINFO_PYTHON_NOT_STARTED), 17U);
  }
}

TEST(PythonLineTest, BehindItsEndATableOfRangesSaysNothing) {
  for (const Compiled& compiled : AllCompiled()) {
    if (compiled.version >= 0x030a) {
      const std::vector<std::byte> table = FromHexadecimal(compiled.table_in_hexadecimal);
      EXPECT_EQ(PythonLine(compiled.version, table, 1, 100'000), 0U);
      EXPECT_EQ(PythonLine(compiled.version, {}, 1, 0), 0U);
    }
  }
}

TEST(PythonLineTest, AVarintWithoutEndIsDamage) {
  std::vector<std::byte> damaged(100, std::byte{0x7f});
  damaged[0] = std::byte{0xe8};  // no columns: a varint follows
  EXPECT_EQ(PythonLine(0x030b, damaged, 1, 0), 0U);
  EXPECT_EQ(PythonLine(0x030b, std::vector{std::byte{0xe8}}, 1, 0), 0U);
}

TEST(PythonLineTest, LinesBeyondEveryFileAreNone) {
  std::vector<std::byte> falling(2'000);
  for (size_t i = 0; i < falling.size(); i += 2) {
    falling[i + 1] = std::byte{0x81};  // 127 lines back
  }
  EXPECT_EQ(PythonLine(0x0308, falling, 1, 0), 0U);
  EXPECT_EQ(PythonLine(0x0308, {}, UINT32_MAX, 0), 0U);
}

TEST(PythonLineTest, RandomTablesOfEveryVersionAreRead) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> table(random() % 64);
    for (std::byte& byte : table) {
      byte = std::byte(random());
    }
    const auto version = static_cast<PythonVersion>(0x0308 + random() % 6);
    EXPECT_LE(PythonLine(version, table, static_cast<uint32_t>(random()),
                         static_cast<uint32_t>(random() % 256)),
              uint32_t{INT32_MAX});
  }
}

}  // namespace
}  // namespace pinfo
