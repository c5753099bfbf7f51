// Names for the kernel's part of stacks, as records: the stream then has them, and a recording can
// be replayed after a restart or on another machine, where the functions lie elsewhere. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "collector/source/record.h"
#include "collector/source/source.h"
#include "collector/stack/kernel_symbols.h"

namespace pinfo {

class KernelNames {
 public:
  // symbols: of the kernel that the samples are of.
  explicit KernelNames(KernelSymbols symbols) : symbols_(std::move(symbols)) {}

  // Emits a KERNEL_FUNCTION record for each function that this sample's stack goes through and no
  // sample's before did. REQUIRES: a SAMPLE record.
  void OnSample(const RecordView& sample, RecordSink& sink);

 private:
  KernelSymbols symbols_;
  std::map<uint64_t, uint64_t> told_;  // end -> begin of functions
};

}  // namespace pinfo
