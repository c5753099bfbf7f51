// Where a request's time went, in words: "31% on CPU, 64% blocked, 5% waiting for a CPU".
#pragma once

#include <functional>
#include <string>

#include "collector/profile/call_tree.h"
#include "collector/store/rows.h"

namespace pinfo {

// Parts of at least 1%, rounded so that they add up to 100%; what no part accounts for is
// "unattributed". Where nothing is known, says so.
std::string DescribeTimeSplit(const RequestRow& row);
// The same with what detail says of each part, right behind its name.
using TimeDetail = std::function<std::string(TimeKind kind, int64_t time_ns)>;
std::string DescribeTimeSplit(const RequestRow& row, const TimeDetail& detail);

}  // namespace pinfo
