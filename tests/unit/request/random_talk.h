// Bytes -> a conversation of well-behaved peers with its splits, threads and losses, and the one
// thing that must hold of every such: no request has another one's status, target or outcome.
#pragma once

#include <string>
#include <string_view>

namespace pinfo::testing {

// What is wrong with the requests that come out; empty: nothing. Any bytes will do.
std::string CheckTalk(std::string_view bytes);

}  // namespace pinfo::testing
