#include "collector/emit/pprof.h"

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "collector/emit/gzip.h"
#include "collector/emit/pprof.pb.h"
#include "collector/profile/utf8.h"

namespace pinfo {
namespace {

constexpr size_t kMaxProfileBytes = size_t{256} << 20;
// A small file can name one long stack over and over: a bound on the frames walked.
constexpr size_t kMaxFrames = 50'000'000;

class Encoder {
 public:
  Encoder(const CallTree& tree, const ProfileTitle& title) : tree_(tree) {
    String("");
    AddValueType("samples", "count");
    for (const TimeKind kind : kTimeKinds) {
      AddValueType(TimeKindKey(kind), "nanoseconds");
    }
    AddValueType("time", "nanoseconds");
    profile_.set_default_sample_type(String("time"));
    profile_.set_time_nanos(title.start_wall_ns);
    profile_.set_duration_nanos(tree.TotalNs());
    if (!title.text.empty()) {
      profile_.add_comment(String(title.text));
    }
  }

  std::string Encode() {
    // The tool takes the first mapping for the program: callers come first.
    for (CallTree::NodeIndex i = 1; i < tree_.nodes().size(); ++i) {
      const std::string& module = tree_.functions()[tree_.nodes()[i].function].module;
      if (!module.empty()) {
        Mapping(module);
      }
    }
    for (CallTree::NodeIndex i = 0; i < tree_.nodes().size(); ++i) {
      AddSample(i);
    }
    std::string bytes;
    profile_.SerializeToString(&bytes);
    return bytes;
  }

 private:
  void AddValueType(const char* type, const char* unit) {
    pprof::ValueType* value_type = profile_.add_sample_type();
    value_type->set_type(String(type));
    value_type->set_unit(String(unit));
  }

  void AddSample(CallTree::NodeIndex index) {
    const CallTree::Node& node = tree_.nodes()[index];
    int64_t time_ns = 0;
    bool has_time = false;
    for (const int64_t ns : node.self_ns) {
      time_ns += ns;
      has_time = has_time || ns != 0;
    }
    if (!has_time && node.self_samples == 0) {
      return;
    }
    pprof::Sample* sample = profile_.add_sample();
    sample->add_value(node.self_samples);
    for (const int64_t ns : node.self_ns) {
      sample->add_value(ns);
    }
    sample->add_value(time_ns);
    if (index == CallTree::kRoot) {
      sample->add_location_id(Location({.name = kUnsampledFrame}, 0));
    }
    for (CallTree::NodeIndex at = index; at != CallTree::kRoot; at = tree_.nodes()[at].parent) {
      const CallTree::Node& frame = tree_.nodes()[at];
      sample->add_location_id(Location(tree_.functions()[frame.function], frame.line));
    }
  }

  uint64_t Location(const Function& function, int32_t line) {
    const uint64_t function_id = FunctionId(function);
    const auto [it, added] =
        locations_.try_emplace({function_id, line}, profile_.location_size() + 1);
    if (added) {
      pprof::Location* location = profile_.add_location();
      location->set_id(it->second);
      if (!function.module.empty()) {
        location->set_mapping_id(Mapping(function.module));
      }
      pprof::Line* at = location->add_line();
      at->set_function_id(function_id);
      at->set_line(line != 0 ? line : function.line);
    }
    return it->second;
  }

  uint64_t FunctionId(const Function& function) {
    const auto [it, added] = functions_.try_emplace(function, profile_.function_size() + 1);
    if (added) {
      pprof::Function* entry = profile_.add_function();
      entry->set_id(it->second);
      entry->set_name(String(function.name));
      entry->set_system_name(entry->name());
      entry->set_filename(String(function.file));
      entry->set_start_line(function.line);
    }
    return it->second;
  }

  uint64_t Mapping(const std::string& module) {
    const auto [it, added] = mappings_.try_emplace(module, profile_.mapping_size() + 1);
    if (added) {
      pprof::Mapping* mapping = profile_.add_mapping();
      mapping->set_id(it->second);
      mapping->set_filename(String(module));
      // Else the tool looks for the file, to find names that are here already.
      mapping->set_has_functions(true);
      mapping->set_has_filenames(true);
      mapping->set_has_line_numbers(true);
    }
    return it->second;
  }

  int64_t String(const std::string& text) {
    const auto [it, added] = strings_.try_emplace(text, profile_.string_table_size());
    if (added) {
      profile_.add_string_table(ValidUtf8(text));
    }
    return it->second;
  }

  const CallTree& tree_;
  pprof::Profile profile_;
  std::map<std::string, int64_t> strings_;
  std::map<Function, uint64_t> functions_;
  std::map<std::string, uint64_t> mappings_;
  std::map<std::pair<uint64_t, int32_t>, uint64_t> locations_;
};

int64_t NsPerUnit(const std::string& unit) {
  static const std::map<std::string, int64_t> kUnits = {{"nanoseconds", 1},
                                                        {"microseconds", 1'000},
                                                        {"milliseconds", 1'000'000},
                                                        {"seconds", 1'000'000'000}};
  const auto it = kUnits.find(unit);
  return it == kUnits.end() ? 0 : it->second;
}

class Decoder {
 public:
  explicit Decoder(const pprof::Profile& profile) : profile_(profile) {}

  Result<CallTree> Decode() {
    if (const Status status = ChooseValues(); !status) {
      return tl::unexpected(status.error());
    }
    for (const pprof::Mapping& mapping : profile_.mapping()) {
      modules_[mapping.id()] = String(mapping.filename());
    }
    for (const pprof::Function& function : profile_.function()) {
      functions_[function.id()] = &function;
    }
    for (const pprof::Location& location : profile_.location()) {
      locations_[location.id()] = FramesOf(location);
    }
    for (const pprof::Sample& sample : profile_.sample()) {
      if (sample.value_size() != profile_.sample_type_size()) {
        return Fail("a sample has not one value for each type");
      }
      AddSample(sample);
      if (frames_left_ == 0) {
        return Fail(fmt::format("its stacks have more than {} frames", kMaxFrames));
      }
    }
    return std::move(tree_);
  }

 private:
  struct Time {
    int index = 0;
    int64_t unit_ns = 1;
    TimeKind kind = TimeKind::kUnattributed;
  };

  // Pinfo's kinds where they are there; else the default type, else the last that is a time.
  Status ChooseValues() {
    std::optional<Time> chosen;
    for (int i = 0; i < profile_.sample_type_size(); ++i) {
      const pprof::ValueType& type = profile_.sample_type(i);
      const std::string name = String(type.type());
      const int64_t unit_ns = NsPerUnit(String(type.unit()));
      if (name == "samples") {
        samples_index_ = i;
      }
      if (unit_ns == 0) {
        continue;
      }
      for (const TimeKind kind : kTimeKinds) {
        if (name == TimeKindKey(kind)) {
          times_.push_back({.index = i, .unit_ns = unit_ns, .kind = kind});
        }
      }
      if (!chosen || !default_found_) {
        chosen = Time{.index = i,
                      .unit_ns = unit_ns,
                      .kind = name == "cpu" ? TimeKind::kOnCpu : TimeKind::kUnattributed};
        default_found_ = type.type() == profile_.default_sample_type() && type.type() != 0;
      }
    }
    if (times_.empty()) {
      if (!chosen) {
        return Fail("its values are no times");
      }
      times_.push_back(*chosen);
    }
    return {};
  }

  std::string String(int64_t index) const {
    return index >= 0 && index < profile_.string_table_size()
               ? profile_.string_table(static_cast<int>(index))
               : std::string();
  }

  // Outermost first.
  std::vector<CallTree::Frame> FramesOf(const pprof::Location& location) {
    Function function;
    const auto module = modules_.find(location.mapping_id());
    function.module = module == modules_.end() ? "" : module->second;
    std::vector<CallTree::Frame> frames;
    for (int i = location.line_size(); i-- > 0;) {
      const auto found = functions_.find(location.line(i).function_id());
      if (found == functions_.end()) {
        continue;
      }
      function.name = String(found->second->name());
      function.file = String(found->second->filename());
      function.line = static_cast<int32_t>(found->second->start_line());
      const auto line = static_cast<int32_t>(location.line(i).line());
      frames.push_back({.function = tree_.AddFunction(function), .line = line});
    }
    if (frames.empty()) {
      function.name = fmt::format("{:#x}", location.address());
      frames.push_back({.function = tree_.AddFunction(function)});
    }
    return frames;
  }

  void AddSample(const pprof::Sample& sample) {
    CallTree::NodeIndex node = CallTree::kRoot;
    for (int i = sample.location_id_size(); i-- > 0;) {
      const auto found = locations_.find(sample.location_id(i));
      if (found == locations_.end()) {
        continue;
      }
      if (found->second.size() >= frames_left_) {
        frames_left_ = 0;
        return;
      }
      frames_left_ -= found->second.size();
      for (const CallTree::Frame frame : found->second) {
        node = tree_.AddChild(node, frame);
      }
    }
    for (const Time& time : times_) {
      int64_t ns = 0;
      if (!__builtin_mul_overflow(sample.value(time.index), time.unit_ns, &ns)) {
        tree_.AddTime(node, time.kind, ns);
      }
    }
    if (samples_index_ >= 0) {
      tree_.AddSamples(node, sample.value(samples_index_));
    }
  }

  const pprof::Profile& profile_;
  std::vector<Time> times_;
  int samples_index_ = -1;
  bool default_found_ = false;
  size_t frames_left_ = kMaxFrames;
  std::map<uint64_t, std::string> modules_;
  std::map<uint64_t, const pprof::Function*> functions_;
  std::map<uint64_t, std::vector<CallTree::Frame>> locations_;
  CallTree tree_;
};

}  // namespace

Result<std::string> EncodePprof(const CallTree& tree, const ProfileTitle& title) {
  return Gzip(Encoder(tree, title).Encode());
}

bool LooksLikePprof(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

Result<CallTree> DecodePprof(std::string_view bytes) {
  const Result<std::string> plain = Gunzip(bytes, kMaxProfileBytes);
  if (!plain) {
    return Fail(fmt::format("not a pprof profile: {}", plain.error().message));
  }
  pprof::Profile profile;
  if (!profile.ParseFromString(*plain)) {
    return Fail("not a pprof profile: malformed protocol buffer");
  }
  Result<CallTree> tree = Decoder(profile).Decode();
  if (!tree) {
    return Fail(fmt::format("cannot use the pprof profile: {}", tree.error().message));
  }
  return tree;
}

}  // namespace pinfo
