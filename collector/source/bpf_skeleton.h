// Opening, loading and attaching the skeleton, program by program. Private to bpf_source.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <bpf/libbpf.h>
#include <pinfo.skel.h>

#include "collector/base/result.h"
#include "collector/base/unique_fd.h"
#include "collector/source/bpf_source.h"

namespace pinfo {

struct SkeletonDeleter {
  void operator()(pinfo_bpf* skeleton) const { pinfo_bpf__destroy(skeleton); }
};
struct LinkDeleter {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using SkeletonPtr = std::unique_ptr<pinfo_bpf, SkeletonDeleter>;
using LinkPtr = std::unique_ptr<bpf_link, LinkDeleter>;

struct LoadedSkeleton {
  SkeletonPtr skeleton;
  bool socket_strategy = true;
  bool tls = false;  // its programs are there and the kernel takes uprobes
  std::vector<LinkPtr> links;
  std::vector<UniqueFd> perf_events;
  std::vector<std::string> notes;
};

// A program that the kernel refuses is left out, with a note; without the programs that time
// requests the strategy falls back (kAuto) or loading fails.
Result<LoadedSkeleton> LoadSkeleton(const BpfOptions& options);

}  // namespace pinfo
