#include "collector/python/code_object.h"

#include <random>

#include <gtest/gtest.h>

#include "tests/unit/python/fake_memory.h"

namespace pinfo {
namespace {

constexpr uint64_t kType = 0x7000;
constexpr uint64_t kCode = 0x10000;
constexpr uint64_t kFile = 0x20000;
constexpr uint64_t kName = 0x30000;
constexpr uint64_t kTable = 0x40000;

// PyASCIIObject.state: kind, compact, ASCII.
constexpr uint32_t State(uint32_t kind, bool compact, bool ascii) {
  return kind << 2 | uint32_t{compact} << 5 | uint32_t{ascii} << 6;
}

class CodeObjectTest : public testing::TestWithParam<PythonVersion> {
 protected:
  void SetUp() override {
    interpreter_.layout = *FindPythonLayout(GetParam());
    interpreter_.code_type = kType;
    memory_.Map(kCode, 256);
    memory_.Map(kFile, 4096);
    memory_.Map(kName, 4096);
    memory_.Map(kTable, 4096);
    const pinfo_python_layout& walk = interpreter_.layout.walk;
    memory_.Write(kCode + 8, kType);
    memory_.Write(kCode + walk.code_first_line, uint32_t{20});
    memory_.Write(kCode + walk.code_file, kFile);
    memory_.Write(kCode + walk.code_name, kName);
    memory_.Write(kCode + interpreter_.layout.code_line_table, kTable);
    PutAscii(kFile, "/srv/shop/views.py");
    PutAscii(kName, "product_list");
    memory_.Write(kTable + 16, uint64_t{4});
    memory_.WriteText(kTable + 32, "abcd");
  }

  void PutAscii(uint64_t address, std::string_view text) {
    memory_.Write(address + 16, uint64_t{text.size()});
    memory_.Write(address + 32, State(1, true, true));
    memory_.WriteText(address + interpreter_.layout.ascii_bytes, text);
  }

  template <typename Character>
  void PutWide(uint64_t address, std::basic_string_view<Character> text) {
    memory_.Write(address + 16, uint64_t{text.size()});
    memory_.Write(address + 32, State(sizeof(Character), true, false));
    for (size_t i = 0; i < text.size(); ++i) {
      memory_.Write(address + interpreter_.layout.compact_bytes + i * sizeof(Character), text[i]);
    }
  }

  [[nodiscard]] std::optional<PythonCode> Read() const {
    return ReadPythonCode(memory_, interpreter_, kCode, pinfo_python_identity(kFile, kName, 20));
  }

  FakeMemory memory_;
  Interpreter interpreter_;
};

TEST_P(CodeObjectTest, NamesFirstLineAndLineTableAreRead) {
  const auto code = Read();
  ASSERT_TRUE(code.has_value());
  EXPECT_EQ(code->version, GetParam());
  EXPECT_EQ(code->file, "/srv/shop/views.py");
  EXPECT_EQ(code->name, "product_list");
  EXPECT_EQ(code->first_line, 20U);
  EXPECT_EQ(code->line_table.size(), 4U);
}

TEST_P(CodeObjectTest, NamesBeyondAsciiBecomeUtf8) {
  PutWide<unsigned char>(kName, std::basic_string_view<unsigned char>(
                                    reinterpret_cast<const unsigned char*>("gr\xfc\xdf"), 4));
  EXPECT_EQ(Read()->name, "grüß");
  PutWide<char16_t>(kName, u"список");
  EXPECT_EQ(Read()->name, "список");
  PutWide<char32_t>(kName, U"𝒇x");
  EXPECT_EQ(Read()->name, "𝒇x");
}

TEST_P(CodeObjectTest, WhatIsNoCharacterIsReplaced) {
  PutWide<char32_t>(kName, std::u32string_view(U"a\xdc80\x110000\0b", 5));
  EXPECT_EQ(Read()->name,
            "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
            "b");
}

TEST_P(CodeObjectTest, AnotherObjectAtTheAddressIsRefused) {
  memory_.Write(kCode + 8, kType + 8);
  EXPECT_FALSE(Read().has_value());
}

TEST_P(CodeObjectTest, AnotherCodeObjectAtTheAddressIsRefused) {
  memory_.Write(kCode + interpreter_.layout.walk.code_first_line, uint32_t{21});
  EXPECT_FALSE(Read().has_value());
}

TEST_P(CodeObjectTest, UnreadableMemoryIsRefused) {
  EXPECT_FALSE(ReadPythonCode(memory_, interpreter_, 0xdead0000, 1).has_value());
  memory_.Write(kCode + interpreter_.layout.walk.code_file, uint64_t{0xdead0000});
  EXPECT_FALSE(
      ReadPythonCode(memory_, interpreter_, kCode, pinfo_python_identity(0xdead0000, kName, 20))
          .has_value());
}

TEST_P(CodeObjectTest, AStringOfImpossibleShapeIsRefused) {
  for (const uint32_t state : {State(1, false, true), State(0, true, false), State(3, true, false),
                               State(2, true, true)}) {
    memory_.Write(kName + 32, state);
    EXPECT_FALSE(Read().has_value()) << state;
  }
}

TEST_P(CodeObjectTest, LengthsNeverMakeALargeRead) {
  memory_.Map(kName, 1 << 20);
  PutAscii(kName, "product_list");
  memory_.Write(kName + 16, UINT64_MAX);
  EXPECT_EQ(Read()->name.size(), 3 * kPythonTextMax - 2 * std::string_view("product_list").size());
  memory_.Write(kTable + 16, UINT64_MAX);
  EXPECT_TRUE(Read()->line_table.empty());
  EXPECT_LE(memory_.largest_read, kPythonLineTableMax);
}

TEST_P(CodeObjectTest, RandomMemoryIsRead) {
  std::mt19937_64 random(GetParam());
  for (int round = 0; round < 2'000; ++round) {
    SetUp();
    for (const uint64_t at : {kCode + 8, kFile, kName, kTable}) {
      memory_.Write(at + random() % 48, random());
    }
    if (const auto code = Read()) {
      EXPECT_LE(code->name.size(), 4 * kPythonTextMax);
    }
  }
  EXPECT_LE(memory_.largest_read, kPythonLineTableMax);
}

INSTANTIATE_TEST_SUITE_P(EveryVersion, CodeObjectTest,
                         testing::Values(0x0308, 0x0309, 0x030a, 0x030b, 0x030c, 0x030d));

}  // namespace
}  // namespace pinfo
