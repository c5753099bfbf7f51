// Colours and sizes of call graphs: a weight between 0 and 1 becomes a colour between the theme's
// two ends, a pen width, a font size. The figures are gprof2dot's, so that its users see the
// pictures they know.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pinfo {

enum class DotTheme : uint8_t { kColor, kPink, kGray, kBw, kPrint };

// The names "color", "pink", "gray", "bw" and "print".
std::optional<DotTheme> ParseDotTheme(std::string_view name);
std::vector<std::string> DotThemeNames();

struct Hsl {
  double hue = 0;  // all three 0 to 1
  double saturation = 0;
  double lightness = 0;
};

struct ThemeStyle {
  Hsl least{};
  Hsl most{};
  double gamma = 2.2;
  double min_font_size = 10;
  double max_font_size = 10;
  double min_pen_width = 0.5;
  double max_pen_width = 4;
  bool filled = true;  // nodes are filled and their text white; else outlined in their colour
};

const ThemeStyle& StyleOf(DotTheme theme);

// "#rrggbb". The skew bends the way from least to most: below 1 there is more variety among small
// weights, above 1 among large ones. REQUIRES: skew > 0.
std::string ThemeColor(const ThemeStyle& style, double skew, double weight);
double ThemeFontSize(const ThemeStyle& style, double weight);
double ThemePenWidth(const ThemeStyle& style, double weight);
double ThemeArrowSize(const ThemeStyle& style, double weight);

}  // namespace pinfo
