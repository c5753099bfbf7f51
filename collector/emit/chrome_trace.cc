#include "collector/emit/chrome_trace.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace pinfo {
namespace {

using Json = nlohmann::ordered_json;

// Slices of one track must nest, so what may overlap has tracks of its own. They are named by
// metadata; thread ids beyond any real one keep them apart.
enum class Track : uint8_t { kRequest, kWaits, kStacks, kCalls };
constexpr int kTrackCount = 4;

class TraceWriter {
 public:
  explicit TraceWriter(const Timeline& timeline) : timeline_(timeline) {}

  std::string Write() {
    NameTracks();
    WriteRequest();
    for (const TimelineSample& sample : timeline_.samples) {
      if (sample.kind != TimeKind::kOnCpu) {
        WriteWait(sample);
      }
    }
    WriteStacks();
    for (const TimelineCall& call : timeline_.calls) {
      Slice(Track::kCalls, call.tid, call.name, "call", call.begin_ns, call.end_ns,
            {{"peer", call.peer}});
    }
    const Json file = {{"displayTimeUnit", "ms"},
                       {"otherData", {{"start_wall_ns", timeline_.start_wall_ns}}},
                       {"traceEvents", std::move(events_)}};
    return file.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
  }

 private:
  // The same for each thread, so that the viewer shows a thread's tracks together.
  [[nodiscard]] static int64_t TrackId(Track track, uint32_t tid) {
    return int64_t{tid} * kTrackCount + static_cast<int>(track);
  }

  void NameTracks() {
    events_.push_back({{"name", "process_name"},
                       {"ph", "M"},
                       {"pid", timeline_.pid},
                       {"args", {{"name", timeline_.process}}}});
    std::vector<uint32_t> tids = {timeline_.tid};
    for (const TimelineSample& sample : timeline_.samples) {
      tids.push_back(sample.tid);
    }
    for (const TimelineCall& call : timeline_.calls) {
      tids.push_back(call.tid);
    }
    std::sort(tids.begin(), tids.end());
    tids.erase(std::unique(tids.begin(), tids.end()), tids.end());
    for (const uint32_t tid : tids) {
      NameTrack(Track::kRequest, tid, "requests");
      NameTrack(Track::kWaits, tid, "waits");
      NameTrack(Track::kStacks, tid, "stacks (sampled)");
      NameTrack(Track::kCalls, tid, "outgoing calls");
    }
  }

  void NameTrack(Track track, uint32_t tid, const char* name) {
    events_.push_back({{"name", "thread_name"},
                       {"ph", "M"},
                       {"pid", timeline_.pid},
                       {"tid", TrackId(track, tid)},
                       {"args", {{"name", fmt::format("thread {}: {}", tid, name)}}}});
  }

  void Slice(Track track, uint32_t tid, const std::string& name, const char* category,
             int64_t begin_ns, int64_t end_ns, Json arguments) {
    arguments["duration_ns"] = end_ns - begin_ns;
    events_.push_back({{"name", name},
                       {"cat", category},
                       {"ph", "X"},
                       {"ts", static_cast<double>(begin_ns) / 1000},
                       {"dur", static_cast<double>(end_ns - begin_ns) / 1000},
                       {"pid", timeline_.pid},
                       {"tid", TrackId(track, tid)},
                       {"args", std::move(arguments)}});
  }

  void WriteRequest() {
    const uint32_t tid = timeline_.tid;
    if (timeline_.queue_ns.value_or(0) > 0) {
      Slice(Track::kRequest, tid, "queue", "phase", -*timeline_.queue_ns, 0, Json::object());
    }
    Slice(Track::kRequest, tid, timeline_.name, "request", 0, timeline_.latency_ns,
          {{"id", timeline_.request_id}, {"status", timeline_.status}});
    if (timeline_.first_byte_ns && *timeline_.first_byte_ns <= timeline_.latency_ns) {
      const int64_t first_byte_ns = *timeline_.first_byte_ns;
      Slice(Track::kRequest, tid, "until the first byte", "phase", 0, first_byte_ns,
            Json::object());
      Slice(Track::kRequest, tid, "sending", "phase", first_byte_ns, timeline_.latency_ns,
            Json::object());
    }
  }

  [[nodiscard]] std::string NameOf(const CallTree::Frame& frame) const {
    return timeline_.tree.functions()[frame.function].name;
  }

  void WriteWait(const TimelineSample& sample) {
    Json stack = Json::array();
    for (const CallTree::Frame& frame : sample.root_first) {
      stack.push_back(NameOf(frame));
    }
    const std::string name =
        sample.root_first.empty() ? std::string(kBlockedFrame) : NameOf(sample.root_first.back());
    Slice(Track::kWaits, sample.tid, name, "wait", sample.begin_ns, sample.end_ns,
          {{"kind", TimeKindName(sample.kind)}, {"stack", std::move(stack)}});
  }

  struct OpenSlice {
    CallTree::Frame frame;
    int64_t begin_ns;
  };

  // A function goes on from one sample to the next where the samples touch and everything around
  // it is the same.
  void WriteStacks() {
    std::vector<const TimelineSample*> samples;
    for (const TimelineSample& sample : timeline_.samples) {
      if (sample.kind == TimeKind::kOnCpu) {
        samples.push_back(&sample);
      }
    }
    std::stable_sort(samples.begin(), samples.end(),
                     [](const auto* a, const auto* b) { return a->tid < b->tid; });
    std::vector<OpenSlice> open;
    uint32_t tid = 0;
    int64_t end_ns = 0;
    for (const TimelineSample* sample : samples) {
      const bool goes_on = sample->tid == tid && sample->begin_ns <= end_ns;
      size_t same = 0;
      while (goes_on && same < open.size() && same < sample->root_first.size() &&
             open[same].frame.function == sample->root_first[same].function) {
        ++same;
      }
      CloseTo(open, same, tid, end_ns);
      const int64_t begin_ns = goes_on ? end_ns : sample->begin_ns;
      for (size_t i = same; i < sample->root_first.size(); ++i) {
        open.push_back({.frame = sample->root_first[i], .begin_ns = begin_ns});
      }
      tid = sample->tid;
      end_ns = std::max(sample->end_ns, begin_ns);
    }
    CloseTo(open, 0, tid, end_ns);
  }

  void CloseTo(std::vector<OpenSlice>& open, size_t depth, uint32_t tid, int64_t end_ns) {
    while (open.size() > depth) {
      const Function& function = timeline_.tree.functions()[open.back().frame.function];
      Slice(Track::kStacks, tid, function.name, "stack", open.back().begin_ns, end_ns,
            {{"file", function.file.empty() ? function.module : function.file},
             {"line", open.back().frame.line}});
      open.pop_back();
    }
  }

  const Timeline& timeline_;
  Json events_ = Json::array();
};

}  // namespace

std::string EncodeChromeTrace(const Timeline& timeline) { return TraceWriter(timeline).Write(); }

}  // namespace pinfo
