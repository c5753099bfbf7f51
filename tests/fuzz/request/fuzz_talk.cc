// Conversations of well-behaved peers, split, answered by several threads, with records lost: see
// tests/unit/request/random_talk.h.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/unit/request/random_talk.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string wrong =
      pinfo::testing::CheckTalk({reinterpret_cast<const char*>(data), size});
  if (!wrong.empty()) {
    fprintf(stderr, "%s\n", wrong.c_str());
    abort();
  }
  return 0;
}
