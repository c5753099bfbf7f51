// Any bytes as registers and stack of this very process: the walk must end within its limit and
// read nothing but the copy.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <signal.h>
#include <unistd.h>

#include "collector/stack/unwinder.h"

namespace {

struct Process {
  pinfo::ModuleCache modules{""};
  pinfo::AddressSpace space{modules, pinfo::Pid{static_cast<uint32_t>(::getpid())}};
  pinfo::Unwinder unwinder;
  std::vector<uint64_t> code;  // functions to make pcs from

  Process() {
    if (!space.Refresh()) {
      std::abort();
    }
    for (void* function : {reinterpret_cast<void*>(&::qsort), reinterpret_cast<void*>(&::getpid),
                           reinterpret_cast<void*>(&::raise)}) {
      code.push_back(reinterpret_cast<uint64_t>(function));
    }
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Process process;
  pinfo::StackCopy copy;
  const size_t head = copy.registers.size() * sizeof(uint64_t);
  if (size < head) {
    return 0;
  }
  std::memcpy(copy.registers.data(), data, head);
  // A copy of its own: reading beyond it is what the sanitizer must see.
  std::vector<uint64_t> words((size - head) / sizeof(uint64_t));
  if (!words.empty()) {
    std::memcpy(words.data(), data + head, words.size() * sizeof(uint64_t));
  }
  // Bytes seldom make an address of code: low words count from one.
  const auto near_code = [](uint64_t word) {
    return word < (1u << 22) ? process.code[word % process.code.size()] + word / 3 : word;
  };
  copy.registers[PINFO_REGISTER_RIP] = near_code(copy.registers[PINFO_REGISTER_RIP]);
  for (uint64_t& word : words) {
    word = near_code(word);
  }
  copy.bytes = std::as_bytes(std::span(words));
  if (process.unwinder.Unwind(process.space, copy).pcs.size() > pinfo::kMaxFrames) {
    std::abort();
  }
  return 0;
}
