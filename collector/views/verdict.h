// Where a request's time went, in one line, with the function that tells most of each kind:
// "31% on CPU (Django template rendering 22%), 64% blocked in sqlite3_step, 5% waiting for a CPU".
#pragma once

#include <string>

#include "collector/profile/call_tree.h"
#include "collector/store/rows.h"

namespace pinfo {

// Of time on a CPU, the innermost function that most of it passes through, or the library that this
// is a part of, with its share of the latency. Of blocked time, the function that most of it was
// spent waiting in, as the application sees it: the library call it made (sqlite3_step), or its own
// function that made the system call. Shares below 10% are not worth a name.
std::string DescribeTime(const RequestRow& row, const CallTree& tree);

}  // namespace pinfo
