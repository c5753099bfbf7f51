// A request as `pinfo requests --json` and `pinfo show --json` print it. Its fields are a contract
// with users' programs (docs/formats.md): names and meanings never change.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "collector/store/rows.h"

namespace pinfo::cli {

// What is not known is null. Fields come in the order of the contract.
nlohmann::ordered_json RequestJson(const RequestRow& row);

// One line. Bytes that are not UTF-8 become U+FFFD: a target may hold anything, JSON may not.
std::string JsonLine(const nlohmann::ordered_json& value);

}  // namespace pinfo::cli
