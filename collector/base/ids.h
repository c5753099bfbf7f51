// Distinct types for the identities of pinfo's model, so that one cannot be passed for another.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace pinfo {

template <typename Tag, typename Value>
struct Id {
  Value value{};
  friend constexpr auto operator<=>(const Id&, const Id&) = default;
  explicit constexpr operator bool() const { return value != Value{}; }
};

using Pid = Id<struct PidTag, uint32_t>;                // thread group id
using Tid = Id<struct TidTag, uint32_t>;                // thread id
using ConnectionId = Id<struct ConnectionTag, uint64_t>;  // as pinfo_received.connection
// Row ids of the store; 0 is "none".
using ProcessId = Id<struct ProcessTag, int64_t>;
using SiteId = Id<struct SiteTag, int64_t>;
using RouteId = Id<struct RouteTag, int64_t>;
using RequestId = Id<struct RequestTag, int64_t>;
using StackId = Id<struct StackTag, int64_t>;

}  // namespace pinfo

template <typename Tag, typename Value>
struct std::hash<pinfo::Id<Tag, Value>> {
  size_t operator()(const pinfo::Id<Tag, Value>& id) const noexcept {
    return std::hash<Value>{}(id.value);
  }
};
