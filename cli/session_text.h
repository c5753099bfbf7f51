// What sessions cost and missed, in the words that status, show and the end of a capture share.
// Pure: no I/O.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "collector/store/own_cost.h"
#include "collector/store/rows.h"

namespace pinfo::cli {

// "pinfo itself used 294 ms of CPU in 30.1 s of watching (1% of one CPU), 14.7 us a request"
std::string DescribeOwnCost(const OwnCost& cost);

// One line for each kind of loss, without the end of line. What --profile-rate left without a
// profile is a choice, not a loss: it is no part of them.
std::vector<std::string> DescribeLosses(const LossCounts& lost);

// "not profiled: 7 (over --profile-rate)"; empty where there are none.
std::string DescribeNotProfiled(const LossCounts& lost);

// "1 site", "2 sites". plural: empty for the singular with an s.
std::string Count(int64_t count, const std::string& singular, const std::string& plural = "");

}  // namespace pinfo::cli
