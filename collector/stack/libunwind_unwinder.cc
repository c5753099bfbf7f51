#include "collector/stack/libunwind_unwinder.h"

#include <cstring>
#include <optional>

#include <libunwind.h>

#include "collector/stack/byte_reader.h"
#include "collector/stack/frame_section.h"
#include "collector/stack/unwinder.h"

// Exported by libunwind-x86_64 for its own ptrace accessors and for tools such as perf, though no
// header of it declares the function (libunwind/include/dwarf.h is internal).
extern "C" int _Ux86_64_dwarf_search_unwind_table(unw_addr_space_t, unw_word_t, unw_dyn_info_t*,
                                                  unw_proc_info_t*, int, void*);

namespace pinfo {
namespace {

// Between a pop and the return behind it compilers leave the popped register's rule as it was:
// saved just below the stack pointer, which no copy holds. The word there is what was popped, hence
// what the register still holds.
constexpr uint64_t kRedZoneBytes = 128;

// What the accessors work on during one call.
struct Context {
  const AddressSpace& space;
  const StackCopy& copy;
  StackRegisters registers{};
  CodeLocation frame{};  // where FindProcInfo last looked: whose call frame information is read
  // The words below the copy; zero, which leads nowhere, until RestorePopped.
  std::array<uint64_t, kRedZoneBytes / sizeof(uint64_t)> red_zone{};

  // The word of the red zone at an address; nullptr elsewhere.
  const uint64_t* RedZoneWord(uint64_t address) const {
    const uint64_t before = copy.registers[PINFO_REGISTER_RSP] - address;
    return before >= sizeof(uint64_t) && before <= kRedZoneBytes && before % sizeof(uint64_t) == 0
               ? &red_zone[red_zone.size() - before / sizeof(uint64_t)]
               : nullptr;
  }
};

// Where libunwind, after its first step, would find a register of the caller.
const uint64_t* PlaceInRedZone(const Context& context, unw_cursor_t& cursor, unw_regnum_t reg) {
  unw_save_loc_t place{};
  return unw_get_save_loc(&cursor, reg, &place) == 0 && place.type == UNW_SLT_MEMORY
             ? context.RedZoneWord(place.u.addr)
             : nullptr;
}

// Puts what the interrupted function has popped back to where libunwind looks for it.
void RestorePopped(Context& context, unw_cursor_t& cursor) {
  for (const uint8_t reg : kSavedRegisters) {
    if (const uint64_t* const word = PlaceInRedZone(context, cursor, reg)) {
      context.red_zone[static_cast<size_t>(word - context.red_zone.data())] =
          context.copy.registers[reg];
    }
  }
}

// .eh_frame_hdr's binary search table (Linux Standard Base, core specification, 10.6.2).
struct SearchTable {
  uint64_t header = 0;  // address in the process
  uint64_t table = 0;
  uint64_t entries = 0;
};

constexpr uint8_t kSortedTableEncoding = 0x3b;  // DW_EH_PE_datarel | DW_EH_PE_sdata4
constexpr uint8_t kCountEncoding = 0x03;        // DW_EH_PE_udata4
constexpr uint64_t kTableEntryBytes = 8;

std::optional<SearchTable> FindSearchTable(const CodeLocation& at) {
  const auto header = at.module->elf().eh_frame_header();
  if (!header) {
    return std::nullopt;
  }
  std::array<std::byte, 32> bytes{};
  at.module->ReadMemory(*header, bytes);
  ByteReader reader(bytes);
  const auto version = reader.Read<uint8_t>();
  const auto frame_encoding = reader.Read<uint8_t>();
  const auto count_encoding = reader.Read<uint8_t>();
  const auto table_encoding = reader.Read<uint8_t>();
  if (version != 1 || count_encoding != kCountEncoding || table_encoding != kSortedTableEncoding ||
      !ReadEncodedPointer(reader, frame_encoding, *header)) {
    return std::nullopt;
  }
  const auto count = reader.Read<uint32_t>();
  if (count == 0) {
    return std::nullopt;
  }
  return SearchTable{*header + at.bias, *header + at.bias + reader.position(), count};
}

int FindProcInfo(unw_addr_space_t space, unw_word_t ip, unw_proc_info_t* info, int need_unwind_info,
                 void* argument) {
  auto& context = *static_cast<Context*>(argument);
  const CodeLocation at = context.space.Find(ip);
  if (at.module == nullptr) {
    return -UNW_ENOINFO;
  }
  context.frame = at;
  const auto table = FindSearchTable(at);
  if (!table) {
    return -UNW_ENOINFO;
  }
  unw_dyn_info_t dynamic{};
  dynamic.format = UNW_INFO_FORMAT_REMOTE_TABLE;
  dynamic.start_ip = at.mapping->start;
  dynamic.end_ip = at.mapping->end;
  dynamic.u.rti.segbase = table->header;
  dynamic.u.rti.table_data = table->table;
  dynamic.u.rti.table_len = table->entries * kTableEntryBytes / sizeof(unw_word_t);
  return _Ux86_64_dwarf_search_unwind_table(space, ip, &dynamic, info, need_unwind_info, argument);
}

void PutUnwindInfo(unw_addr_space_t, unw_proc_info_t*, void*) {}

int GetDynInfoListAddr(unw_addr_space_t, unw_word_t*, void*) { return -UNW_ENOINFO; }

int AccessMem(unw_addr_space_t, unw_word_t address, unw_word_t* value, int write, void* argument) {
  const auto& context = *static_cast<const Context*>(argument);
  if (write != 0) {
    return -UNW_EINVAL;
  }
  if (const auto word = ReadStackWord(context.copy, address)) {
    *value = *word;
    return 0;
  }
  if (const uint64_t* const word = context.RedZoneWord(address)) {
    *value = *word;
    return 0;
  }
  // Instructions, or call frame information, which lies outside the executable mapping.
  CodeLocation at = context.space.Find(address);
  if (at.module == nullptr) {
    at = context.frame;
  }
  std::array<std::byte, sizeof(*value)> bytes{};
  // Words are read whole; the last one of a segment may be cut short.
  if (at.module == nullptr || at.module->ReadMemory(address - at.bias, bytes) == 0) {
    return -UNW_EINVAL;
  }
  std::memcpy(value, bytes.data(), bytes.size());
  return 0;
}

int AccessReg(unw_addr_space_t, unw_regnum_t reg, unw_word_t* value, int write, void* argument) {
  auto& context = *static_cast<Context*>(argument);
  if (reg < 0 || reg >= PINFO_REGISTER_COUNT) {
    return -UNW_EBADREG;
  }
  if (write != 0) {
    context.registers[reg] = *value;
  } else {
    *value = context.registers[reg];
  }
  return 0;
}

int AccessFpreg(unw_addr_space_t, unw_regnum_t, unw_fpreg_t*, int, void*) { return -UNW_EBADREG; }

int Resume(unw_addr_space_t, unw_cursor_t*, void*) { return -UNW_EINVAL; }

int GetProcName(unw_addr_space_t, unw_word_t, char*, size_t, unw_word_t*, void*) {
  return -UNW_ENOINFO;
}

}  // namespace

struct LibunwindUnwinder::Impl {
  unw_accessors_t accessors{
      .find_proc_info = FindProcInfo,
      .put_unwind_info = PutUnwindInfo,
      .get_dyn_info_list_addr = GetDynInfoListAddr,
      .access_mem = AccessMem,
      .access_reg = AccessReg,
      .access_fpreg = AccessFpreg,
      .resume = Resume,
      .get_proc_name = GetProcName,
  };
  unw_addr_space_t space = unw_create_addr_space(&accessors, 0);
};

LibunwindUnwinder::LibunwindUnwinder() : impl_(std::make_unique<Impl>()) {
  // Frames of many processes pass through one address space.
  unw_set_caching_policy(impl_->space, UNW_CACHE_NONE);
}

LibunwindUnwinder::~LibunwindUnwinder() { unw_destroy_addr_space(impl_->space); }

bool LibunwindUnwinder::Step(const AddressSpace& space, const StackCopy& copy,
                             StackRegisters& registers, bool interrupted) {
  Context context{space, copy, registers};
  if (!interrupted) {
    // unw_init_remote takes pc for an interrupted one: the rule is that of the call before it.
    context.registers[PINFO_REGISTER_RIP] -= 1;
  }
  unw_proc_info_t info{};
  unw_cursor_t cursor;
  // Without call frame information unw_step would go by the frame pointer.
  if (FindProcInfo(impl_->space, context.registers[PINFO_REGISTER_RIP], &info, 0, &context) != 0 ||
      unw_init_remote(&cursor, impl_->space, &context) != 0 || unw_step(&cursor) <= 0) {
    return false;
  }
  if (interrupted) {
    RestorePopped(context, cursor);
  }
  StackRegisters caller = registers;
  for (unw_regnum_t reg = 0; reg < PINFO_REGISTER_COUNT; ++reg) {
    // What cannot be read keeps its value: only preserved registers and the pc matter.
    unw_get_reg(&cursor, reg, &caller[reg]);
  }
  registers = caller;
  return true;
}

UnwoundStack LibunwindUnwinder::Unwind(const AddressSpace& space, const StackCopy& copy,
                                       bool* no_information) {
  Context context{space, copy, copy.registers};
  UnwoundStack stack;
  stack.end = StackEnd::kBroken;
  unw_cursor_t cursor;
  if (unw_init_remote(&cursor, impl_->space, &context) != 0) {
    return stack;
  }
  stack.pcs.push_back(copy.registers[PINFO_REGISTER_RIP]);
  while (stack.pcs.size() < kMaxFrames) {
    unw_word_t pc = stack.pcs.back() - (stack.pcs.size() > 1 ? 1 : 0);
    unw_proc_info_t info{};
    // Without call frame information unw_step would go by the frame pointer.
    if (FindProcInfo(impl_->space, pc, &info, 0, &context) != 0) {
      if (no_information != nullptr) {
        *no_information = true;
      }
      return stack;
    }
    const int more = unw_step(&cursor);
    if (stack.pcs.size() == 1) {
      RestorePopped(context, cursor);
    }
    if (more == 0) {
      stack.end = StackEnd::kComplete;
    }
    if (more <= 0 || unw_get_reg(&cursor, UNW_REG_IP, &pc) != 0) {
      return stack;
    }
    const bool interrupted = unw_is_signal_frame(&cursor) > 0;
    stack.pcs.push_back(interrupted ? pc + 1 : pc);
  }
  stack.end = StackEnd::kTooDeep;
  return stack;
}

}  // namespace pinfo
