// Any bytes as a pprof profile: what is accepted is written in every shape and comes back the same.
#include <cstdlib>

#include "collector/emit/flame_graph.h"
#include "collector/emit/folded.h"
#include "collector/emit/gzip.h"
#include "collector/emit/pprof.h"
#include "collector/emit/speedscope.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // The protocol buffer itself: gzip would keep the fuzzer from it.
  const pinfo::Result<std::string> packed = pinfo::Gzip(bytes);
  const pinfo::Result<pinfo::CallTree> tree = pinfo::DecodePprof(*packed);
  if (!tree) {
    return 0;
  }
  const pinfo::Result<std::string> written = pinfo::EncodePprof(*tree, {});
  const pinfo::Result<pinfo::CallTree> again = pinfo::DecodePprof(*written);
  if (!again || again->TotalSamples() != tree->TotalSamples() ||
      pinfo::WriteFlameGraph(*tree, {}).empty() || pinfo::EncodeSpeedscope(*tree, {}).empty()) {
    std::abort();
  }
  pinfo::EncodeFolded(*tree);
  return 0;
}
