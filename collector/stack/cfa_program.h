// The interpreter of call frame programs (DWARF 5, section 6.4.2): one frame description entry
// becomes rows (address, rule).
#pragma once

#include <cstdint>
#include <functional>

#include "collector/stack/frame_section.h"
#include "collector/stack/unwind_rule.h"

namespace pinfo {

// Called with ascending addresses; each rule holds up to the next row's address or the FDE's end.
using RowSink = std::function<void(uint64_t address, const UnwindRule& rule)>;

// Runs CIE and FDE programs of one file. Remembers the state after the last CIE's program, which is
// common to runs of FDEs.
class CfaInterpreter {
 public:
  CfaInterpreter();
  ~CfaInterpreter();

  // The first row is at fde.start. A program with an unknown or damaged instruction is believed up
  // to it: the addresses behind get a rule of kind kNone.
  void Run(const FrameFde& fde, const RowSink& sink);

 private:
  struct State;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pinfo
