// Profiles as pprof's: gzip'ed protocol buffers that `go tool pprof`, Speedscope, Grafana Pyroscope
// and others open. The format: collector/emit/pprof.proto.
//
// Written: the value types samples (count), on_cpu, blocked, runqueue, waiting, unattributed and
// time (nanoseconds), the last being the sum of those before and the default. A stack has its
// functions with file, first line and the line that was executing; the ELF file is its mapping.
// Time of empty stacks is the function kUnsampledFrame.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "collector/base/result.h"
#include "collector/profile/call_tree.h"

namespace pinfo {

// What a profile is of, for formats that have a place to say it.
struct ProfileTitle {
  std::string text;           // "request 4711: GET /list"
  int64_t start_wall_ns = 0;  // 0: not known
};

Result<std::string> EncodePprof(const CallTree& tree, const ProfileTitle& title);

// Pinfo's own come back as they were, but that a line not known is the function's first. Of others
// the default value type is read, if it is a time; its kind is on-CPU where it is called cpu, else
// it is not known. Any bytes: an error, never a crash.
Result<CallTree> DecodePprof(std::string_view bytes);

// Whether the bytes begin as gzip does, which no other format that pinfo reads has.
bool LooksLikePprof(std::string_view bytes);

}  // namespace pinfo
