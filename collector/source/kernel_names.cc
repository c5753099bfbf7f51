#include "collector/source/kernel_names.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "collector/process/proc_record.h"

namespace pinfo {
namespace {

// Samples of two CPUs may come out of order by less than this; names must come before all of them.
constexpr uint64_t kNamesAheadNs = 1'000'000;

RecordBytes Encode(const KernelFunction& function, const pinfo_header& sample) {
  pinfo_kernel_function record{};
  record.header = sample;
  record.header.type = PINFO_RECORD_KERNEL_FUNCTION;
  record.header.reserved = 0;
  record.header.time_ns = sample.time_ns - std::min<uint64_t>(sample.time_ns, kNamesAheadNs);
  record.begin = function.begin;
  record.end = function.end;
  const std::string text = function.name + '\0' + function.module + '\0';
  record.text_bytes = static_cast<pinfo_u32>(text.size());
  return MakeRecord(record, text);
}

}  // namespace

void KernelNames::OnSample(const RecordView& sample, RecordSink& sink) {
  const std::vector<uint64_t> innermost_first = KernelFramesOf(sample);
  for (size_t i = 0; i < innermost_first.size(); ++i) {
    const uint64_t address = KernelLookupAddress(innermost_first, i);
    const auto known = told_.upper_bound(address);
    if (known != told_.end() && known->second <= address) {
      continue;
    }
    if (const auto function = symbols_.Find(address)) {
      told_.emplace(function->end, function->begin);
      const RecordBytes bytes = Encode(*function, sample.header());
      sink.OnRecord(std::as_bytes(std::span(bytes)));
    }
  }
}

}  // namespace pinfo
