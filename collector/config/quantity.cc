#include "collector/config/quantity.h"

#include <charconv>
#include <cmath>
#include <span>

#include <fmt/format.h>

namespace pinfo {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};
constexpr Unit kSeconds[] = {{"s", 1},  {"ms", 1e-3}, {"us", 1e-6},   {"ns", 1e-9},
                             {"m", 60}, {"h", 3600},  {"d", 86'400.0}};
constexpr Unit kBytes[] = {{"B", 1},
                           {"kB", 1e3},
                           {"KB", 1e3},
                           {"MB", 1e6},
                           {"GB", 1e9},
                           {"TB", 1e12},
                           {"KiB", 1024.0},
                           {"MiB", 1048576.0},
                           {"GiB", 1073741824.0},
                           {"TiB", 1099511627776.0}};
constexpr Unit kPercent[] = {{"%", 1}};

std::span<const Unit> UnitsOf(Dimension dimension) {
  switch (dimension) {
    case Dimension::kSeconds:
      return kSeconds;
    case Dimension::kBytes:
      return kBytes;
    case Dimension::kPercent:
      return kPercent;
    case Dimension::kPlain:
      break;
  }
  return {};
}

const char* ExampleOf(Dimension dimension) {
  switch (dimension) {
    case Dimension::kSeconds:
      return "250ms or 2h";
    case Dimension::kBytes:
      return "512MiB or 2GB";
    case Dimension::kPercent:
      return "5%";
    case Dimension::kPlain:
      break;
  }
  return "12.5";
}

}  // namespace

Result<double> ParseQuantity(std::string_view text, Dimension dimension) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  if (error == std::errc() && std::isfinite(value)) {
    while (unit.starts_with(' ')) {
      unit.remove_prefix(1);
    }
    if (unit.empty()) {
      return value;
    }
    for (const Unit& known : UnitsOf(dimension)) {
      if (known.name == unit) {
        return value * known.factor;
      }
    }
  }
  return Fail(fmt::format("'{}' cannot be read here; write it as {}", text, ExampleOf(dimension)));
}

}  // namespace pinfo
