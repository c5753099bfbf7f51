#include "collector/python/layout.h"

#include <array>

namespace pinfo {
namespace {

// Every figure is an offsetof compiled against the headers of 3.8.18, 3.9.18, 3.10.13, 3.11.2,
// 3.11.7, 3.12.1 and 3.13.0 (Include/internal/pycore_frame.h, pycore_interp.h, pycore_runtime.h,
// Include/cpython/pystate.h, code.h, unicodeobject.h). A minor version does not change them, but
// for those of PyInterpreterState in 3.13, which interpreter.cc takes from the process itself.

// 3.8 to 3.10: a frame is a PyFrameObject.
constexpr PythonLayout FrameObjects(PythonVersion version, uint16_t last_instruction,
                                    pinfo_python_instruction_kind kind) {
  PythonLayout layout;
  layout.version = version;
  layout.interpreters = 32;
  layout.code_line_table = 120;
  layout.ascii_bytes = 48;
  layout.compact_bytes = 72;
  pinfo_python_layout& walk = layout.walk;
  walk.interpreter_next = 0;
  walk.interpreter_threads = 8;
  walk.thread_next = 8;
  walk.thread_id = 176;
  walk.thread_frame = 24;
  walk.cframe_frame = PINFO_PYTHON_NO_CFRAME;
  walk.frame_bytes = 112;
  walk.frame_previous = 24;
  walk.frame_code = 32;
  walk.frame_instruction = last_instruction;
  walk.code_first_line = 40;
  walk.code_file = 104;
  walk.code_name = 112;
  walk.entry_kind = PINFO_PYTHON_ENTRY_EACH;
  walk.instruction_kind = kind;
  return layout;
}

// From 3.11: a frame is a _PyInterpreterFrame, and code objects have a qualified name.
constexpr PythonLayout InterpreterFrames(PythonVersion version) {
  PythonLayout layout;
  layout.version = version;
  layout.interpreters = 40;
  layout.code_line_table = 136;
  layout.ascii_bytes = 40;
  layout.compact_bytes = 56;
  pinfo_python_layout& walk = layout.walk;
  walk.thread_next = 8;
  walk.frame_bytes = 72;
  walk.frame_instruction = 56;
  walk.code_file = 112;
  walk.code_name = 128;
  walk.instruction_kind = PINFO_PYTHON_INSTRUCTION_POINTER;
  return layout;
}

constexpr PythonLayout Python311() {
  PythonLayout layout = InterpreterFrames(0x030b);
  layout.ascii_bytes = 48;
  layout.compact_bytes = 72;
  pinfo_python_layout& walk = layout.walk;
  walk.interpreter_threads = 16;
  walk.thread_id = 152;
  walk.thread_frame = 56;
  walk.cframe_frame = 8;
  walk.frame_code = 32;
  walk.frame_previous = 48;
  walk.frame_entry = 68;  // is_entry
  walk.code_first_line = 72;
  walk.code_start = 184;
  walk.entry_kind = PINFO_PYTHON_ENTRY_FLAG;
  return layout;
}

constexpr PythonLayout Python312() {
  PythonLayout layout = InterpreterFrames(0x030c);
  pinfo_python_layout& walk = layout.walk;
  walk.interpreter_threads = 72;
  walk.thread_id = 136;
  walk.thread_frame = 56;
  walk.cframe_frame = 0;
  walk.frame_code = 0;
  walk.frame_previous = 8;
  walk.frame_entry = 70;  // owner
  walk.code_first_line = 68;
  walk.code_start = 192;
  walk.entry_kind = PINFO_PYTHON_ENTRY_MARKER;
  return layout;
}

constexpr PythonLayout Python313() {
  PythonLayout layout = Python312();
  layout.version = 0x030d;
  layout.interpreters = 632;
  pinfo_python_layout& walk = layout.walk;
  walk.interpreter_next = 7264;
  walk.interpreter_threads = 7344;
  walk.thread_id = 152;
  walk.thread_frame = 72;
  walk.cframe_frame = PINFO_PYTHON_NO_CFRAME;
  walk.code_start = 200;
  return layout;
}

constexpr std::array kLayouts = {
    FrameObjects(0x0308, 104, PINFO_PYTHON_INSTRUCTION_BYTES),
    FrameObjects(0x0309, 104, PINFO_PYTHON_INSTRUCTION_BYTES),
    FrameObjects(0x030a, 96, PINFO_PYTHON_INSTRUCTION_UNITS),
    Python311(),
    Python312(),
    Python313(),
};

}  // namespace

const PythonLayout* FindPythonLayout(PythonVersion version) {
  for (const PythonLayout& layout : kLayouts) {
    if (layout.version == version) {
      return &layout;
    }
  }
  return nullptr;
}

}  // namespace pinfo
