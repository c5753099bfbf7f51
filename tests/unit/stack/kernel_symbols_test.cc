#include "collector/stack/kernel_symbols.h"

#include <gmock/gmock.h>

namespace pinfo {
namespace {

std::string NameAt(const KernelSymbols& symbols, uint64_t address) {
  const auto found = symbols.Find(address);
  return found ? found->name + " " + found->module : "";
}

TEST(KernelSymbols, FindsTheFunctionThatAnAddressLiesIn) {
  const KernelSymbols symbols(
      "ffffffff81000100 T second\n"
      "ffffffff81000000 T first\n"
      "ffffffff81000200 D data\n"
      "ffffffffc0000000 t of_a_module\t[some_module]\n"
      "0000000000001000 A per_cpu\n");
  EXPECT_EQ(NameAt(symbols, 0xffffffff81000000), "first [kernel]");
  EXPECT_EQ(NameAt(symbols, 0xffffffff810000ff), "first [kernel]");
  EXPECT_EQ(NameAt(symbols, 0xffffffff81000100), "second [kernel]");
  EXPECT_EQ(NameAt(symbols, 0xffffffff81000200), "") << "data is no function, and ends one";
  EXPECT_EQ(NameAt(symbols, 0xffffffffc0000010), "of_a_module [some_module]");
  EXPECT_EQ(NameAt(symbols, 0xffffffffc0100000), "") << "too far behind the last one";
  EXPECT_EQ(NameAt(symbols, 0xffffffff80ffffff), "");
  EXPECT_EQ(NameAt(symbols, 0x1000), "");
}

TEST(KernelSymbols, OfTwoNamesTheFunctionsFirst) {
  const KernelSymbols symbols(
      "ffffffff81000000 D _stext\nffffffff81000000 T entry\nffffffff81000000 T alias\n");
  EXPECT_EQ(NameAt(symbols, 0xffffffff81000008), "entry [kernel]");
}

TEST(KernelSymbols, HiddenAddressesAndOtherTextAreNothing) {
  EXPECT_TRUE(KernelSymbols("0000000000000000 T hidden\n").empty());
  EXPECT_TRUE(KernelSymbols("").empty());
  EXPECT_TRUE(KernelSymbols("\n\n   \nffffffff81000000\nffffffff81000000 T\nxyz T name\n"
                            "ffffffff81000000g T name\nffffffff81000000 TT name")
                  .empty());
}

}  // namespace
}  // namespace pinfo
