#include "collector/pipeline/python_codes.h"

#include <algorithm>
#include <string_view>

#include "collector/python/line_table.h"

namespace pinfo {
namespace {

// A process that makes code without end must not fill the memory; what is in use comes again only
// with a new process, so the bound is far beyond what programs have.
constexpr size_t kCodesMax = 200'000;
// Frames of Python have this in place of an ELF file.
constexpr const char* kPythonModule = "python";

std::string_view NextText(std::string_view& text) {
  const size_t end = text.find('\0');
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

FrameRow FrameOf(const PythonCode* code, uint32_t instruction) {
  FrameRow row;
  row.module = kPythonModule;
  if (code == nullptr) {
    row.function = "[unknown]";
    return row;
  }
  row.function = code->name;
  row.file = code->file;
  row.function_line = static_cast<int32_t>(code->first_line);
  row.line = static_cast<int32_t>(
      PythonLine(code->version, code->line_table, code->first_line, instruction));
  return row;
}

}  // namespace

void PythonCodes::Add(const RecordView& record) {
  const auto& raw = record.as<pinfo_python_code>();
  std::string_view text = record.text().substr(0, raw.text_bytes);
  PythonCode code;
  code.version = raw.version;
  code.first_line = std::min<uint32_t>(raw.first_line, INT32_MAX);
  code.file = NextText(text);
  code.name = NextText(text);
  const auto table = record.payload().subspan(raw.text_bytes);
  code.line_table.assign(table.begin(), table.end());
  if (codes_.use_count() > 1) {
    codes_ = std::make_shared<Codes>(*codes_);
  }
  if (codes_->size() < kCodesMax) {
    (*codes_)[{raw.code, raw.identity}] = std::make_shared<const PythonCode>(std::move(code));
  }
}

FrameRow PythonCodes::Describe(uint64_t code, uint32_t identity) const {
  const auto it = codes_->find({code, identity});
  return FrameOf(it == codes_->end() ? nullptr : it->second.get(), PINFO_PYTHON_NOT_STARTED);
}

PythonCodes::Groups PythonCodes::Resolve(std::span<const pinfo_python_frame> frames) const {
  Groups resolved;
  PythonGroup group;
  for (const pinfo_python_frame& frame : frames) {
    if (frame.code != 0) {
      const auto it = codes_->find({frame.code, frame.identity});
      const PythonCode* code = it == codes_->end() ? nullptr : it->second.get();
      resolved.all_known = resolved.all_known && code != nullptr;
      group.push_back(FrameOf(code, frame.instruction & ~PINFO_PYTHON_ENTRY));
    }
    if ((frame.instruction & PINFO_PYTHON_ENTRY) != 0) {
      resolved.groups.push_back(std::exchange(group, {}));
    }
  }
  if (!group.empty()) {
    resolved.groups.push_back(std::move(group));  // cut before its entry
  }
  return resolved;
}

}  // namespace pinfo
