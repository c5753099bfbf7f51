// Is a file OpenSSL's libssl, or a program that holds it (node), and where are the functions that
// read and write?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/tls_function.h"
#include "collector/base/result.h"
#include "collector/stack/elf_file.h"
#include "collector/tls/function_probes.h"

namespace pinfo {

struct TlsFunction {
  pinfo_tls_function function = PINFO_TLS_READ;
  std::string name;
  ProbePlace entry;                 // offsets here are those in the file
  std::vector<ProbePlace> returns;  // empty where only calls of it matter
};

// nullopt: the file defines neither SSL_read nor SSL_write. Fails, with a sentence, where it does
// but their ends cannot be found. What of the other functions is missing or unclear is left out.
Result<std::optional<std::vector<TlsFunction>>> FindTlsFunctions(const ElfFile& elf);

// Whether a file of this name is worth the look: libssl.so.3, libssl-1a2b3c.so.1.1, libnode.so.
bool IsTlsLibraryName(std::string_view path);

}  // namespace pinfo
