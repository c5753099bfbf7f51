#include "html/request_page.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "collector/emit/chrome_trace.h"
#include "collector/emit/file_io.h"
#include "collector/emit/json_text.h"
#include "collector/emit/pprof.h"
#include "collector/emit/pstats_writer.h"
#include "collector/profile/call_graph.h"
#include "collector/views/verdict.h"
#include "html/data_script.h"
#include "html/mask.h"
#include "html/profile_json.h"
#include "html/request_json.h"

namespace pinfo::html {
namespace {

constexpr size_t kLargestStatsFile = size_t{4} << 20;
// More spans than a screen has pixels.
constexpr size_t kTimelineSpans = 4000;
constexpr size_t kNamedCallers = 4;

// The path comes out of the database, which may be somebody else's: only what is a stats file is
// copied (a pstats file is one marshalled dict, which begins with '{').
Result<std::string> ReadStatsFile(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (path.empty() || fs::path(path).extension() != ".stats" ||
      !fs::is_regular_file(fs::symlink_status(path, error))) {
    return Fail("no stats file");
  }
  Result<std::string> stats = ReadFile(path, kLargestStatsFile);
  if (stats && !stats->starts_with('{')) {
    return Fail("not a stats file");
  }
  return stats;
}

// Innermost first: what a span of the timeline is called, and where it came from.
std::string SpanName(const Timeline& timeline, const TimelineSample& sample) {
  std::string name;
  size_t named = 0;
  for (size_t i = sample.root_first.size(); i-- > 0 && named < kNamedCallers; ++named) {
    name += (name.empty() ? "" : "\n") +
            Shorten(timeline.functions[sample.root_first[i].function].name, kListedTextBytes);
  }
  return name;
}

// spans: [begin, end, kind, thread, index of names]; neighbours that touch and are the same are
// one.
nlohmann::json TimelineJson(const Timeline& timeline) {
  nlohmann::json names = nlohmann::json::array();
  nlohmann::json spans = nlohmann::json::array();
  std::map<std::string, size_t> name_index;
  std::map<uint32_t, size_t> last_of_thread;  // place in spans
  size_t left = 0;
  for (const TimelineSample& sample : timeline.samples) {
    const auto [entry, added] = name_index.try_emplace(SpanName(timeline, sample), names.size());
    if (added) {
      names.push_back(entry->first);
    }
    const auto last = last_of_thread.find(sample.tid);
    if (last != last_of_thread.end()) {
      nlohmann::json& before = spans[last->second];
      if (before[1] == sample.begin_ns && before[2] == static_cast<int>(sample.kind) &&
          before[4] == entry->second) {
        before[1] = sample.end_ns;
        continue;
      }
    }
    if (spans.size() >= kTimelineSpans) {
      ++left;
      continue;
    }
    last_of_thread[sample.tid] = spans.size();
    spans.push_back(
        {sample.begin_ns, sample.end_ns, static_cast<int>(sample.kind), sample.tid, entry->second});
  }
  nlohmann::json calls = nlohmann::json::array();
  for (const TimelineCall& call : timeline.calls) {
    calls.push_back({{"begin_ns", call.begin_ns},
                     {"end_ns", call.end_ns},
                     {"tid", call.tid},
                     {"peer", call.peer},
                     {"calls", call.calls},
                     {"waited_ns", call.waited_ns}});
  }
  return {{"names", std::move(names)},
          {"spans", std::move(spans)},
          {"spans_left", left},
          {"calls", std::move(calls)}};
}

// The address of a page may have a query, too.
nlohmann::json HeadersJson(const std::vector<HeaderRow>& headers, bool show_values) {
  nlohmann::json rows = nlohmann::json::array();
  for (const HeaderRow& header : headers) {
    rows.push_back({header.name, show_values ? header.value : MaskQueryValues(header.value)});
  }
  return rows;
}

nlohmann::json CalledJson(const std::vector<CallRow>& calls) {
  nlohmann::json rows = nlohmann::json::array();
  for (const CallRow& call : calls) {
    rows.push_back({{"peer", call.peer}, {"calls", call.calls}, {"waited_ns", call.waited_ns}});
  }
  return rows;
}

void MaskTimeline(const RequestRow& row, bool show_values, Timeline& timeline) {
  timeline.name = row.method + " " + ShownTarget(row, show_values);
}

// Bytes in base64; what is text as it is, which packs better.
std::string FilesJson(const RequestRow& row, const Timeline& timeline, const Profile& profile,
                      const CallGraph& graph) {
  const std::string id = std::to_string(row.id.value);
  std::string files = "[";
  const auto add = [&files](const std::string& name, const char* what, const char* field,
                            const std::string& json) {
    JsonObject file;
    file.Add("name", name);
    file.Add("what", what);
    file.AddText(field, json);
    files += (files.size() == 1 ? "" : ",") + std::move(file).Take();
  };
  const auto add_bytes = [&add](const std::string& name, const char* what,
                                const std::string& bytes) {
    add(name, what, "base64", JsonString(Base64(bytes)));
  };
  if (Result<std::string> stats = ReadStatsFile(row.stats_file); stats) {
    add_bytes(id + ".stats", "Stats file, for python3 -m pstats, snakeviz and pinfo stats", *stats);
  } else if (!graph.functions.empty()) {
    add_bytes(id + ".stats", "Stats file made from the samples, for python3 -m pstats and snakeviz",
              EncodePstats(graph));
  }
  const ProfileTitle title = {.text = "request " + id + ": " + timeline.name,
                              .start_wall_ns = row.start_wall_ns};
  if (Result<std::string> pprof = EncodePprof(profile.tree, title); pprof) {
    add_bytes(id + ".pb.gz", "pprof, for go tool pprof", *pprof);
  }
  add(id + ".trace.json", "Timeline, for ui.perfetto.dev", "text",
      JsonString(EncodeChromeTrace(timeline)));
  return files + "]";
}

}  // namespace

Result<std::string> RequestPageScript(const RequestRow& row, const RequestDetail& detail,
                                      bool show_values) {
  Timeline timeline = detail.timeline;
  MaskTimeline(row, show_values, timeline);
  const Profile& profile = detail.profile;
  const CallGraph graph = BuildCallGraph(profile.tree);
  JsonObject json;
  json.Add("request", RequestJson(row, show_values));
  json.Add("tid", row.tid.value);
  json.Add("protocol", row.protocol);
  json.Add("tls", row.tls);
  json.Add("queue_ns", OrNull(row.queue_ns));
  json.Add("first_byte_ns", OrNull(row.first_byte_ns));
  json.Add("bytes_in", row.bytes_in);
  json.Add("process", timeline.process);
  json.Add("verdict", DescribeTime(row, profile.tree));
  json.Add("timeline", TimelineJson(timeline));
  json.Add("called", CalledJson(detail.calls));
  json.Add("headers", HeadersJson(detail.headers, show_values));
  json.AddText("profile", ProfileJson(profile, graph));
  json.AddText("files", FilesJson(row, timeline, profile, graph));
  return PackedScript("request", std::move(json).Take());
}

}  // namespace pinfo::html
