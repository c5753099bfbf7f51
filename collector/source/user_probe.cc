#include "collector/source/user_probe.h"

#include <cerrno>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collector/process/proc_reader.h"
#include "collector/source/record.h"

namespace pinfo {
namespace {

// Newer than Debian 12's linux/bpf.h: enum bpf_attach_type and the link_create part of union
// bpf_attr, include/uapi/linux/bpf.h of Linux 6.6.
constexpr int kTraceUprobeMulti = 48;
struct LinkCreateUprobeMulti {
  uint32_t prog_fd = 0;
  uint32_t target_fd = 0;
  uint32_t attach_type = kTraceUprobeMulti;
  uint32_t flags = 0;
  uint64_t path = 0;
  uint64_t offsets = 0;
  uint64_t ref_ctr_offsets = 0;
  uint64_t cookies = 0;
  uint32_t count = 0;
  uint32_t multi_flags = 0;
  uint32_t pid = 0;  // 0: every process
  uint32_t reserved = 0;
};

int CreateMultiLink(int program, const char* path, const std::vector<uint64_t>& offsets,
                    const std::vector<uint64_t>& cookies) {
  LinkCreateUprobeMulti attributes;
  attributes.prog_fd = static_cast<uint32_t>(program);
  attributes.path = reinterpret_cast<uint64_t>(path);
  attributes.offsets = reinterpret_cast<uint64_t>(offsets.data());
  attributes.cookies = reinterpret_cast<uint64_t>(cookies.data());
  attributes.count = static_cast<uint32_t>(offsets.size());
  return static_cast<int>(
      syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof(attributes)));
}

// Something of this program to put a breakpoint on.
[[gnu::noinline]] int ProbedFunction(int value) {
  asm volatile("" : "+r"(value));
  return value;
}

}  // namespace

void UserProbe::LinkDeleter::operator()(bpf_link* link) const { bpf_link__destroy(link); }

bool UserProbe::HasMulti() {
  // A program that does nothing, on a file that is none: only a kernel that knows such links gets
  // as far as refusing the file.
  const bpf_insn nothing[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0,
                               .src_reg = 0, .off = 0, .imm = 0},
                              {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0,
                               .imm = 0}};
  bpf_prog_load_opts options{};
  options.sz = sizeof(options);
  options.expected_attach_type = static_cast<bpf_attach_type>(kTraceUprobeMulti);
  const UniqueFd program(bpf_prog_load(BPF_PROG_TYPE_KPROBE, "pinfo_probe", "GPL", nothing,
                                       std::size(nothing), &options));
  if (!program) {
    return false;
  }
  const UniqueFd link(CreateMultiLink(program.get(), "/", {0}, {0}));
  return !link && errno == EBADF;
}

void UserProbe::PrepareForMulti(bpf_program* program) {
  bpf_program__set_expected_attach_type(program, static_cast<bpf_attach_type>(kTraceUprobeMulti));
}

Result<UserProbe> UserProbe::Attach(const bpf_program* program, const std::string& path,
                                    std::span<const ProbePoint> points) {
  UserProbe probe;
  if (bpf_program__expected_attach_type(program) == kTraceUprobeMulti) {
    std::vector<uint64_t> offsets;
    std::vector<uint64_t> cookies;
    for (const ProbePoint& point : points) {
      offsets.push_back(point.offset);
      cookies.push_back(point.cookie);
    }
    probe.multi_ =
        UniqueFd(CreateMultiLink(bpf_program__fd(program), path.c_str(), offsets, cookies));
    if (!probe.multi_) {
      return FailErrno("attaching uprobes");
    }
    return probe;
  }
  for (const ProbePoint& point : points) {
    bpf_uprobe_opts options{};
    options.sz = sizeof(options);
    options.bpf_cookie = point.cookie;
    bpf_link* link =
        bpf_program__attach_uprobe_opts(program, -1, path.c_str(), point.offset, &options);
    if (link == nullptr) {
      return FailErrno("attaching a uprobe");
    }
    probe.single_.emplace_back(link);
  }
  return probe;
}

Status TryUserProbe(const bpf_program* program) {
  const auto address = reinterpret_cast<uint64_t>(&ProbedFunction);
  const ExecutableMaps maps = ReadExecutableMaps(Pid{static_cast<uint32_t>(getpid())});
  for (const RecordBytes& bytes : maps.records) {
    const auto record = DecodeRecord(std::as_bytes(std::span(bytes)));
    const auto& mapping = record->as<pinfo_mapping>();
    if (address < mapping.start || address >= mapping.end) {
      continue;
    }
    const ProbePoint point{.offset = address - mapping.start + mapping.file_offset, .cookie = 0};
    const Result<UserProbe> probe =
        UserProbe::Attach(program, "/proc/self/exe", std::span(&point, 1));
    return probe ? Status{} : tl::unexpected(probe.error());
  }
  return Fail("pinfo's own memory map cannot be read");
}

}  // namespace pinfo
