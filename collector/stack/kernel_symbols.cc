#include "collector/stack/kernel_symbols.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

namespace pinfo {
namespace {

constexpr uint32_t kNoModule = UINT32_MAX;
constexpr uint64_t kLargestFunction = 1 << 16;
constexpr size_t kMostNames = size_t{1} << 30;

std::string_view NextWord(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(" \t"));
  line.remove_prefix(word.size());
  return word;
}

bool IsFunction(std::string_view type) {
  return type == "t" || type == "T" || type == "w" || type == "W";
}

}  // namespace

KernelSymbols::KernelSymbols(std::string_view text) {
  while (!text.empty() && names_.size() < kMostNames) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::string_view digits = NextWord(line);
    const std::string_view type = NextWord(line);
    const std::string_view name = NextWord(line);
    const std::string_view module = NextWord(line);
    uint64_t address = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), address, 16);
    // Per-CPU data have offsets in the place of addresses.
    if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size() ||
        address >> 63 == 0 || type.size() != 1 || name.empty()) {
      continue;
    }
    Symbol symbol{address, static_cast<uint32_t>(names_.size()), kNoModule, IsFunction(type)};
    names_.append(name).push_back('\0');
    if (!module.empty()) {
      symbol.module = static_cast<uint32_t>(names_.size());
      names_.append(module).push_back('\0');
    }
    symbols_.push_back(symbol);
  }
  // Of several names for one address the first that is a function's stands.
  std::stable_sort(symbols_.begin(), symbols_.end(), [](const Symbol& a, const Symbol& b) {
    return a.address != b.address ? a.address < b.address : a.function && !b.function;
  });
  const auto same = [](const Symbol& a, const Symbol& b) { return a.address == b.address; };
  symbols_.erase(std::unique(symbols_.begin(), symbols_.end(), same), symbols_.end());
}

KernelSymbols KernelSymbols::OfThisMachine() {
  std::ifstream file("/proc/kallsyms");
  std::ostringstream text;
  text << file.rdbuf();
  return KernelSymbols(text.str());
}

std::optional<KernelFunction> KernelSymbols::Find(uint64_t address) const {
  const auto next = std::upper_bound(
      symbols_.begin(), symbols_.end(), address,
      [](uint64_t wanted, const Symbol& symbol) { return wanted < symbol.address; });
  if (next == symbols_.begin()) {
    return std::nullopt;
  }
  const Symbol& symbol = *std::prev(next);
  if (!symbol.function || address - symbol.address >= kLargestFunction) {
    return std::nullopt;
  }
  const uint64_t largest = symbol.address + kLargestFunction;
  return KernelFunction{.name = names_.c_str() + symbol.name,
                        .module = symbol.module == kNoModule ? std::string("[kernel]")
                                                             : names_.c_str() + symbol.module,
                        .begin = symbol.address,
                        .end = next == symbols_.end() ? largest : std::min(next->address, largest)};
}

}  // namespace pinfo
