// unwind_compare RECORDING [SHOWN]: unwinds every stack of a recording by the unwind tables and by
// libunwind, and prints what came of it as one line of JSON: how many stacks are whole, how many
// frames both agree on, and how long the table walk takes. SHOWN stacks that are not whole, and as
// many on which the two differ, are printed with their names on stderr.
//
// libunwind knows no frame pointers: where it ends at code without call frame information (of a
// just-in-time compiler), the frames before count as agreed. Run it while the recorded processes
// live, or their vdso and just-in-time compiled code are not found.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "collector/pipeline/process_table.h"
#include "collector/source/record.h"
#include "collector/source/recording.h"
#include "collector/stack/libunwind_unwinder.h"
#include "collector/stack/symbolizer.h"
#include "collector/stack/unwinder.h"

namespace pinfo {
namespace {

struct Stored {
  std::vector<uint64_t> words;  // aligned as a record must be
  uint64_t time_ns = 0;
};

class Keeper : public RecordSink {
 public:
  void OnRecord(std::span<const std::byte> bytes) override {
    if (!DecodeRecord(bytes)) {
      return;
    }
    Stored stored;
    stored.words.resize((bytes.size() + 7) / 8);
    std::memcpy(stored.words.data(), bytes.data(), bytes.size());
    stored.time_ns = reinterpret_cast<const pinfo_header*>(bytes.data())->time_ns;
    records.push_back(std::move(stored));
  }
  std::vector<Stored> records;
};

struct Figures {
  size_t samples = 0;
  size_t whole = 0;
  size_t truncated = 0;
  size_t too_deep = 0;
  size_t broken = 0;
  size_t missing = 0;
  size_t same = 0;           // frame by frame, to the same end
  size_t same_to_no_cfi = 0;  // libunwind ended where there is no call frame information
  size_t frames = 0;
  std::chrono::nanoseconds walking{};
};

class Comparison {
 public:
  explicit Comparison(size_t shown) : broken_shown_(shown), different_shown_(shown) {}

  void Add(const RecordView& record, TrackedProcess& process) {
    const auto& sample = record.as<pinfo_sample>();
    StackCopy copy;
    std::copy(std::begin(sample.registers), std::end(sample.registers), copy.registers.begin());
    copy.bytes = StackOf(record);
    copy.truncated = (sample.flags & PINFO_SAMPLE_TRUNCATED) != 0;
    const UnwoundStack first = unwinder_.Unwind(process.space, copy);  // loads tables
    const auto begin = std::chrono::steady_clock::now();
    const UnwoundStack walked = unwinder_.Unwind(process.space, copy);
    figures.walking += std::chrono::steady_clock::now() - begin;
    if (walked.pcs != first.pcs) {
      std::fputs("two walks over the same bytes differ\n", stderr);
      std::exit(1);
    }
    ++figures.samples;
    figures.frames += walked.pcs.size();
    CountEnd(walked.end);
    if (walked.end == StackEnd::kMissing) {
      return;
    }
    bool no_information = false;
    const UnwoundStack oracle = libunwind_.Unwind(process.space, copy, &no_information);
    const bool same = walked.pcs == oracle.pcs;
    const bool same_so_far = no_information && oracle.pcs.size() < walked.pcs.size() &&
                             std::equal(oracle.pcs.begin(), oracle.pcs.end(), walked.pcs.begin());
    figures.same += same ? 1 : 0;
    figures.same_to_no_cfi += same_so_far ? 1 : 0;
    if (walked.end != StackEnd::kComplete && broken_shown_ > 0) {
      --broken_shown_;
      Show("not whole", process, walked);
    }
    if (!same && !same_so_far && different_shown_ > 0) {
      --different_shown_;
      Show("walked", process, walked);
      Show("libunwind", process, oracle);
    }
  }

  Figures figures;

 private:
  void CountEnd(StackEnd end) {
    switch (end) {
      case StackEnd::kComplete:
        ++figures.whole;
        return;
      case StackEnd::kTruncated:
        ++figures.truncated;
        return;
      case StackEnd::kTooDeep:
        ++figures.too_deep;
        return;
      case StackEnd::kBroken:
        ++figures.broken;
        return;
      case StackEnd::kMissing:
        ++figures.missing;
        return;
    }
  }

  void Show(const char* title, const TrackedProcess& process, const UnwoundStack& stack) {
    fmt::print(stderr, "-- {} pid {} ({} frames, end {})\n", title, process.row.pid.value,
               stack.pcs.size(), static_cast<int>(stack.end));
    for (size_t i = 0; i < stack.pcs.size(); ++i) {
      for (const FrameRow& row : symbolizer_.Symbolize(process.space, stack.pcs[i], i > 0)) {
        fmt::print(stderr, "   {:#x} {} {}\n", stack.pcs[i], row.function, row.module);
      }
    }
  }

  size_t broken_shown_;
  size_t different_shown_;
  Unwinder unwinder_;
  LibunwindUnwinder libunwind_;
  Symbolizer symbolizer_;
};

int Run(const std::string& path, size_t shown) {
  auto source = RecordingSource::Open(path);
  if (!source) {
    fmt::print(stderr, "{}\n", source.error().message);
    return 1;
  }
  Keeper keeper;
  while (!(*source)->Ended()) {
    if (const auto drained = (*source)->Drain(keeper); !drained) {
      fmt::print(stderr, "{}\n", drained.error().message);
      return 1;
    }
  }
  std::stable_sort(keeper.records.begin(), keeper.records.end(),
                   [](const Stored& a, const Stored& b) { return a.time_ns < b.time_ns; });
  ModuleCache modules("");
  ProcessTable processes(modules, (*source)->origin(), (*source)->mode());
  Comparison comparison(shown);
  for (const Stored& stored : keeper.records) {
    const auto record = DecodeRecord(std::as_bytes(std::span(stored.words)));
    switch (record->type()) {
      case PINFO_RECORD_SAMPLE:
        comparison.Add(*record, processes.Get(Pid{record->header().pid}));
        break;
      case PINFO_RECORD_PROCESS:
      case PINFO_RECORD_TASK:
      case PINFO_RECORD_EXEC:
      case PINFO_RECORD_EXIT:
      case PINFO_RECORD_MAPPING:
        processes.OnRecord(*record);
        break;
      default:
        break;
    }
  }
  const Figures& figures = comparison.figures;
  const auto per = [](double value, size_t count) { return count == 0 ? 0 : value / count; };
  const auto walking_ns = static_cast<double>(figures.walking.count());
  const nlohmann::json json = {
      {"samples", figures.samples},
      {"whole", figures.whole},
      {"truncated", figures.truncated},
      {"too_deep", figures.too_deep},
      {"broken", figures.broken},
      {"missing", figures.missing},
      {"same", figures.same},
      {"same_to_no_cfi", figures.same_to_no_cfi},
      {"frames_per_sample", per(static_cast<double>(figures.frames), figures.samples)},
      {"ns_per_sample", per(walking_ns, figures.samples)},
      {"ns_per_frame", per(walking_ns, figures.frames)},
  };
  fmt::print("{}\n", json.dump());
  return 0;
}

}  // namespace
}  // namespace pinfo

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fputs("usage: unwind_compare RECORDING [SHOWN]\n", stderr);
    return 2;
  }
  return pinfo::Run(argv[1], argc == 3 ? std::strtoul(argv[2], nullptr, 10) : 0);
}
