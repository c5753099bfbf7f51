#include "collector/emit/chrome_trace.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "collector/emit/json_text.h"

namespace pinfo {
namespace {

// Slices of one track must nest, so what may overlap has tracks of its own. They are named by
// metadata; thread ids beyond any real one keep them apart.
enum class Track : uint8_t { kRequest, kWaits, kStacks, kCalls };
// Calls that overlap have a track each.
constexpr int kTrackCount = 128;
constexpr int kCallTracks = kTrackCount - static_cast<int>(Track::kCalls);

// Written as text: a trace has an event for each frame of each sample.
class TraceWriter {
 public:
  explicit TraceWriter(const Timeline& timeline) : timeline_(timeline) {
    names_.reserve(timeline.functions.size());
    for (const Function& function : timeline.functions) {
      names_.push_back(JsonString(function.name));
    }
  }

  std::string Write() {
    text_ = fmt::format(
        R"({{"displayTimeUnit":"ms","otherData":{{"start_wall_ns":{}}},"traceEvents":[)",
        timeline_.start_wall_ns);
    NameTracks();
    WriteRequest();
    for (const TimelineSample& sample : timeline_.samples) {
      if (sample.kind != TimeKind::kOnCpu) {
        WriteWait(sample);
      }
    }
    WriteStacks();
    WriteCalls();
    return std::move(text_) + "]}\n";
  }

 private:
  // The same for each thread, so that the viewer shows a thread's tracks together.
  [[nodiscard]] static int64_t TrackId(Track track, uint32_t tid) {
    return int64_t{tid} * kTrackCount + static_cast<int>(track);
  }

  // In microseconds, exactly.
  static void AppendTime(std::string& text, int64_t ns) {
    const uint64_t part = ns < 0 ? -static_cast<uint64_t>(ns) : static_cast<uint64_t>(ns);
    fmt::format_to(std::back_inserter(text), "{}{}.{:03}", ns < 0 ? "-" : "", part / 1000,
                   part % 1000);
  }

  void NameTracks() {
    text_ += fmt::format(R"({{"name":"process_name","ph":"M","pid":{},"args":{{"name":{}}}}})",
                         timeline_.pid, JsonString(timeline_.process));
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
    text_ += fmt::format(
        R"(,{{"name":"thread_name","ph":"M","pid":{},"tid":{},"args":{{"name":"thread {}: {}"}}}})",
        timeline_.pid, TrackId(track, tid), tid, name);
  }

  // name, arguments: JSON; each of the arguments ends with a comma.
  void Slice(Track track, uint32_t tid, std::string_view name, const char* category,
             int64_t begin_ns, int64_t end_ns, std::string_view arguments) {
    const auto to = std::back_inserter(text_);
    fmt::format_to(to, R"(,{{"name":{},"cat":"{}","ph":"X","ts":)", name, category);
    AppendTime(text_, begin_ns);
    text_ += R"(,"dur":)";
    AppendTime(text_, end_ns - begin_ns);
    fmt::format_to(to, R"(,"pid":{},"tid":{},"args":{{{}"duration_ns":{}}}}})", timeline_.pid,
                   TrackId(track, tid), arguments, end_ns - begin_ns);
  }

  void WriteRequest() {
    const uint32_t tid = timeline_.tid;
    if (timeline_.queue_ns.value_or(0) > 0) {
      Slice(Track::kRequest, tid, R"("queue")", "phase", -*timeline_.queue_ns, 0, "");
    }
    Slice(
        Track::kRequest, tid, JsonString(timeline_.name), "request", 0, timeline_.latency_ns,
        fmt::format(R"("id":{},"status":{},)", timeline_.request_id, JsonString(timeline_.status)));
    if (timeline_.first_byte_ns && *timeline_.first_byte_ns <= timeline_.latency_ns) {
      const int64_t first_byte_ns = *timeline_.first_byte_ns;
      Slice(Track::kRequest, tid, R"("until the first byte")", "phase", 0, first_byte_ns, "");
      Slice(Track::kRequest, tid, R"("sending")", "phase", first_byte_ns, timeline_.latency_ns, "");
    }
  }

  void WriteWait(const TimelineSample& sample) {
    std::string arguments = fmt::format(R"("kind":"{}","stack":[)", TimeKindName(sample.kind));
    for (size_t i = 0; i < sample.root_first.size(); ++i) {
      arguments += i == 0 ? "" : ",";
      arguments += names_[sample.root_first[i].function];
    }
    arguments += "],";
    Slice(Track::kWaits, sample.tid,
          sample.root_first.empty() ? JsonString(kBlockedFrame)
                                    : names_[sample.root_first.back().function],
          "wait", sample.begin_ns, sample.end_ns, arguments);
  }

  // Each on the first of its thread's tracks where no other is under way.
  void WriteCalls() {
    std::map<std::pair<uint32_t, int>, int64_t> ends;
    for (const TimelineCall& call : timeline_.calls) {
      int track = 0;
      while (track < kCallTracks - 1 && ends[{call.tid, track}] > call.begin_ns) {
        ++track;
      }
      int64_t& end = ends[{call.tid, track}];
      if (end > call.begin_ns) {
        continue;  // more at once than there are tracks
      }
      end = call.end_ns;
      Slice(static_cast<Track>(static_cast<int>(Track::kCalls) + track), call.tid,
            JsonString(call.peer), "call", call.begin_ns, call.end_ns,
            fmt::format(R"("peer":{},"calls":{},"waited_ns":{},)", JsonString(call.peer),
                        call.calls, call.waited_ns));
    }
    for (const auto& [track, end] : ends) {
      if (track.second > 0) {
        NameTrack(static_cast<Track>(static_cast<int>(Track::kCalls) + track.second), track.first,
                  "outgoing calls at the same time");
      }
    }
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
      const CallTree::Frame& frame = open.back().frame;
      const Function& function = timeline_.functions[frame.function];
      std::string arguments = R"("file":)";
      AppendJsonString(arguments, function.file.empty() ? function.module : function.file);
      fmt::format_to(std::back_inserter(arguments), R"(,"line":{},)", frame.line);
      Slice(Track::kStacks, tid, names_[frame.function], "stack", open.back().begin_ns, end_ns,
            arguments);
      open.pop_back();
    }
  }

  const Timeline& timeline_;
  std::vector<std::string> names_;  // of the functions, as JSON
  std::string text_;
};

}  // namespace

std::string EncodeChromeTrace(const Timeline& timeline) { return TraceWriter(timeline).Write(); }

}  // namespace pinfo
