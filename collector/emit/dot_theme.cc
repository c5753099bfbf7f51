#include "collector/emit/dot_theme.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace pinfo {
namespace {

constexpr std::array<std::pair<std::string_view, DotTheme>, 5> kThemes = {{
    {"color", DotTheme::kColor},
    {"pink", DotTheme::kPink},
    {"gray", DotTheme::kGray},
    {"bw", DotTheme::kBw},
    {"print", DotTheme::kPrint},
}};

// One of red, green and blue, as CSS Color 3 section 4.2.4 defines HSL.
double Channel(double low, double high, double hue) {
  if (hue < 0) {
    hue += 1;
  } else if (hue > 1) {
    hue -= 1;
  }
  if (hue * 6 < 1) {
    return low + (high - low) * hue * 6;
  }
  if (hue * 2 < 1) {
    return high;
  }
  if (hue * 3 < 2) {
    return low + (high - low) * (2.0 / 3.0 - hue) * 6;
  }
  return low;
}

int ToByte(double channel, double gamma) {
  return static_cast<int>(255.0 * std::clamp(std::pow(channel, gamma), 0.0, 1.0) + 0.5);
}

}  // namespace

std::optional<DotTheme> ParseDotTheme(std::string_view name) {
  for (const auto& [known, theme] : kThemes) {
    if (known == name) {
      return theme;
    }
  }
  return std::nullopt;
}

std::vector<std::string> DotThemeNames() {
  std::vector<std::string> names;
  for (const auto& [name, theme] : kThemes) {
    names.emplace_back(name);
  }
  return names;
}

const ThemeStyle& StyleOf(DotTheme theme) {
  static const ThemeStyle color = {.least = {2.0 / 3.0, 0.80, 0.25},  // dark blue
                                   .most = {0, 1, 0.5},               // red
                                   .gamma = 1};
  static const ThemeStyle pink = {.least = {0, 1, 0.9}, .most = {0, 1, 0.5}};
  static const ThemeStyle gray = {.least = {0, 0, 0.85}, .most = {0, 0, 0}};
  static const ThemeStyle bw = {
      .min_font_size = 8, .max_font_size = 24, .min_pen_width = 0.1, .max_pen_width = 8};
  static const ThemeStyle print = {.min_font_size = 18,
                                   .max_font_size = 30,
                                   .min_pen_width = 0.1,
                                   .max_pen_width = 8,
                                   .filled = false};
  switch (theme) {
    case DotTheme::kColor:
      return color;
    case DotTheme::kPink:
      return pink;
    case DotTheme::kGray:
      return gray;
    case DotTheme::kBw:
      return bw;
    case DotTheme::kPrint:
      return print;
  }
  return color;
}

std::string ThemeColor(const ThemeStyle& style, double skew, double weight) {
  weight = std::clamp(weight, 0.0, 1.0);
  const double position = skew == 1 ? weight : (std::pow(skew, weight) - 1) / (skew - 1);
  const auto between = [position](double least, double most) {
    return least + position * (most - least);
  };
  const double hue = between(style.least.hue, style.most.hue);
  const double saturation =
      std::clamp(between(style.least.saturation, style.most.saturation), 0.0, 1.0);
  const double lightness =
      std::clamp(between(style.least.lightness, style.most.lightness), 0.0, 1.0);
  const double high = lightness <= 0.5 ? lightness * (saturation + 1)
                                       : lightness + saturation - lightness * saturation;
  const double low = lightness * 2 - high;
  return fmt::format("#{:02x}{:02x}{:02x}",
                     ToByte(Channel(low, high, hue + 1.0 / 3.0), style.gamma),
                     ToByte(Channel(low, high, hue), style.gamma),
                     ToByte(Channel(low, high, hue - 1.0 / 3.0), style.gamma));
}

double ThemeFontSize(const ThemeStyle& style, double weight) {
  return std::max(weight * weight * style.max_font_size, style.min_font_size);
}

double ThemePenWidth(const ThemeStyle& style, double weight) {
  return std::max(weight * style.max_pen_width, style.min_pen_width);
}

double ThemeArrowSize(const ThemeStyle& style, double weight) {
  return 0.5 * std::sqrt(ThemePenWidth(style, weight));
}

}  // namespace pinfo
