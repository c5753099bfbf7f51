// On the libssl of this machine and on files that are none.
#include "collector/tls/tls_library.h"

#include <algorithm>

#include <gmock/gmock.h>

namespace pinfo {
namespace {

constexpr const char* kLibssl = "/usr/lib/x86_64-linux-gnu/libssl.so.3";

const TlsFunction* Find(const std::vector<TlsFunction>& functions, std::string_view name) {
  const auto found = std::find_if(functions.begin(), functions.end(),
                                  [&](const TlsFunction& each) { return each.name == name; });
  return found == functions.end() ? nullptr : &*found;
}

TEST(TlsLibrary, FindsTheFunctionsOfLibssl) {
  const auto elf = ElfFile::Open("", kLibssl);
  if (!elf) {
    GTEST_SKIP() << elf.error().message;
  }
  const auto functions = FindTlsFunctions(**elf);
  ASSERT_TRUE(functions) << functions.error().message;
  ASSERT_TRUE(functions->has_value());
  for (const char* name : {"SSL_read", "SSL_read_ex", "SSL_read_early_data", "SSL_write",
                           "SSL_write_ex", "SSL_sendfile"}) {
    const TlsFunction* function = Find(**functions, name);
    ASSERT_NE(function, nullptr) << name;
    ASSERT_FALSE(function->returns.empty()) << name;
    for (const ProbePlace& place : function->returns) {
      EXPECT_GT(place.offset, function->entry.offset) << name;
      const std::byte code = (*elf)->Read(place.offset, 1).at(0);
      const std::byte high = code & std::byte{0xf0};
      EXPECT_TRUE(code == std::byte{0xc3} || code == std::byte{0xf3} || code == std::byte{0xc2} ||
                  code == std::byte{0x0f} || high == std::byte{0x70})
          << name << " does not return at " << place.offset;
    }
  }
  for (const char* name : {"SSL_set_accept_state", "SSL_set_connect_state", "SSL_free"}) {
    const TlsFunction* function = Find(**functions, name);
    ASSERT_NE(function, nullptr) << name;
    EXPECT_TRUE(function->returns.empty()) << name;
  }
}

TEST(TlsLibrary, AFileWithoutThemIsNone) {
  const auto elf = ElfFile::Open("", "/proc/self/exe");
  ASSERT_TRUE(elf) << elf.error().message;
  const auto functions = FindTlsFunctions(**elf);
  ASSERT_TRUE(functions);
  EXPECT_FALSE(functions->has_value());
}

TEST(TlsLibrary, NamesWorthALook) {
  EXPECT_TRUE(IsTlsLibraryName("/usr/lib/x86_64-linux-gnu/libssl.so.3"));
  EXPECT_TRUE(IsTlsLibraryName("/app/libs/libssl-1a2b3c4d.so.1.1"));
  EXPECT_TRUE(IsTlsLibraryName("/usr/lib/x86_64-linux-gnu/libnode.so.108"));
  EXPECT_FALSE(IsTlsLibraryName("/usr/lib/x86_64-linux-gnu/libcrypto.so.3"));
  EXPECT_FALSE(IsTlsLibraryName("/opt/libssl/other.so"));
}

}  // namespace
}  // namespace pinfo
