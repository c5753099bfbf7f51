// Breakpoints on user space code (uprobes) that run a BPF program. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "collector/base/result.h"
#include "collector/base/unique_fd.h"

struct bpf_program;
struct bpf_link;

namespace pinfo {

struct ProbePoint {
  uint64_t offset = 0;  // in the file
  uint64_t cookie = 0;  // what bpf_get_attach_cookie() gives the program
};

// Some points of one file, for as long as this lives, in every process that maps it. Needs no pid:
// the program decides whom it looks at.
class UserProbe {
 public:
  // program: loaded, as an uprobe; with PrepareForMulti() before that if the kernel has it. path
  // names the file, by any way the kernel can follow.
  static Result<UserProbe> Attach(const bpf_program* program, const std::string& path,
                                  std::span<const ProbePoint> points);

  // Linux 6.6 attaches and detaches all points of a file at once (BPF_TRACE_UPROBE_MULTI). Before,
  // each point is a perf event, and giving one back waits for every CPU: some 0.1 s.
  static bool HasMulti();
  // To be called before the program is loaded, where HasMulti().
  static void PrepareForMulti(bpf_program* program);

 private:
  struct LinkDeleter {
    void operator()(bpf_link* link) const;
  };
  UniqueFd multi_;
  std::vector<std::unique_ptr<bpf_link, LinkDeleter>> single_;
};

// Whether this kernel takes such a program: tries it on a function of pinfo itself.
Status TryUserProbe(const bpf_program* program);

}  // namespace pinfo
