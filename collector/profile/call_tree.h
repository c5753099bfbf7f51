// The one profile type of pinfo: a weighted call tree over functions with kinds of time. Every
// output shape (pstats, DOT, flame graph, pprof ...) is written from it, none from anything else.
//
// A plain value: no I/O, no locks; an object belongs to one thread. Times are nanoseconds.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace pinfo {

// [unsampled] is on-CPU time: only its stack is not known. Of kUnattributed not even the kind is.
enum class TimeKind : uint8_t {
  kOnCpu,
  kBlocked,
  kRunqueue,  // runnable, waiting for a CPU
  kWaiting,   // the request was open while its server did something else
  kUnattributed,
};
inline constexpr size_t kTimeKindCount = 5;
inline constexpr std::array<TimeKind, kTimeKindCount> kTimeKinds = {
    TimeKind::kOnCpu, TimeKind::kBlocked, TimeKind::kRunqueue, TimeKind::kWaiting,
    TimeKind::kUnattributed};

// For people ("waiting for a CPU") and for the names of fields ("runqueue").
const char* TimeKindName(TimeKind kind);
const char* TimeKindKey(TimeKind kind);

// Names of the frames that stand for time no stack was sampled for. Brackets are how perf and
// gprof2dot mark frames that are no functions.
inline constexpr const char* kUnsampledFrame = "[unsampled]";
inline constexpr const char* kBlockedFrame = "[blocked]";
inline constexpr const char* kRunqueueFrame = "[waiting for a CPU]";
inline constexpr const char* kWaitingFrame = "[waiting]";
inline constexpr const char* kUnattributedFrame = "[unattributed]";

// A function as people name it. line is where the function begins, 0 where unknown.
struct Function {
  std::string name;
  std::string file{};    // source file; empty where unknown
  std::string module{};  // ELF file or package; empty where unknown
  int32_t line = 0;
  friend auto operator<=>(const Function&, const Function&) = default;
};

// Whether it is one of the frames above, and the kind of time such a frame stands for.
bool IsFrameWithoutStack(const Function& function);
TimeKind KindOfFrameWithoutStack(const Function& function);

class CallTree {
 public:
  using FunctionIndex = uint32_t;
  using NodeIndex = uint32_t;
  static constexpr NodeIndex kRoot = 0;  // a node without a function, above every stack

  // A function and the line of it that was executing, 0 where unknown.
  struct Frame {
    FunctionIndex function = 0;
    int32_t line = 0;
    friend auto operator<=>(const Frame&, const Frame&) = default;
  };

  // Siblings differ in function or line.
  struct Node {
    NodeIndex parent = kRoot;
    FunctionIndex function = 0;
    int32_t line = 0;
    std::array<int64_t, kTimeKindCount> self_ns{};
    int64_t self_samples = 0;
  };

  CallTree();

  // The index of this function, added if it is new.
  FunctionIndex AddFunction(const Function& function);

  // The child of this node for this frame, added if it is new. REQUIRES: parent is a node,
  // frame.function came from AddFunction.
  NodeIndex AddChild(NodeIndex parent, Frame frame);

  // Adds to what a node has itself.
  void AddTime(NodeIndex node, TimeKind kind, int64_t time_ns);
  void AddSamples(NodeIndex node, int64_t samples) { nodes_[node].self_samples += samples; }

  // Adds one stack, outermost function first. time_ns and samples go to its innermost function.
  // An empty stack adds to the root itself. REQUIRES: every index came from AddFunction.
  void AddFrames(std::span<const Frame> root_first, TimeKind kind, int64_t time_ns,
                 int64_t samples);
  // The same where no lines are known.
  void AddStack(std::span<const FunctionIndex> root_first, TimeKind kind, int64_t time_ns,
                int64_t samples);

  // Adds every stack of the other tree. Returns for each of its nodes the node here.
  std::vector<NodeIndex> Merge(const CallTree& other);

  [[nodiscard]] int64_t TotalNs() const;
  [[nodiscard]] int64_t TotalSamples() const;
  [[nodiscard]] bool empty() const { return nodes_.size() == 1 && TotalNs() == 0; }
  // A parent comes before its children.
  [[nodiscard]] const std::vector<Node>& nodes() const { return nodes_; }
  [[nodiscard]] const std::vector<Function>& functions() const { return functions_; }

 private:
  struct ChildKey {
    NodeIndex parent;
    Frame frame;
    friend bool operator==(const ChildKey&, const ChildKey&) = default;
  };
  struct ChildKeyHash {
    size_t operator()(const ChildKey& key) const;
  };

  std::vector<Function> functions_;
  std::map<Function, FunctionIndex> function_index_;
  std::vector<Node> nodes_;
  std::unordered_map<ChildKey, NodeIndex, ChildKeyHash> child_index_;
};

// The same stacks without the lines that were executing: siblings are different functions.
CallTree WithoutLines(const CallTree& tree);

}  // namespace pinfo
