// One request as the pages take it: the interface Request of html/src/data.ts.
#pragma once

#include <cstddef>
#include <string>

#include <nlohmann/json.hpp>

#include "collector/store/rows.h"

namespace pinfo::html {

// The longest target, site or route in a list. A request's own page has it whole.
inline constexpr size_t kListedTextBytes = 512;

// The target as the report may show it.
std::string ShownTarget(const RequestRow& row, bool show_values);

nlohmann::json RequestJson(const RequestRow& row, bool show_values);

}  // namespace pinfo::html
