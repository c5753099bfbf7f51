// Where a request's time went, in words: "31% on CPU, 64% blocked, 5% waiting for a CPU".
#pragma once

#include <string>

#include "collector/store/rows.h"

namespace pinfo {

// Parts of at least 1%, rounded so that they add up to 100%; what no part accounts for is
// "unattributed". Where nothing is known, says so.
std::string DescribeTimeSplit(const RequestRow& row);

}  // namespace pinfo
