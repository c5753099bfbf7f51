// /metrics over HTTP, for a collector. Answers on a thread of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "collector/base/result.h"

namespace pinfo {

class MetricsServer {
 public:
  // listen: "[ADDR:]PORT", on 127.0.0.1 unless told otherwise; port 0: any. Counts requests from
  // now on. Fails where it cannot be listened there.
  static Result<std::unique_ptr<MetricsServer>> Start(const std::string& listen,
                                                      const std::string& database);
  virtual ~MetricsServer() = default;
  // "127.0.0.1:9100".
  [[nodiscard]] virtual std::string address() const = 0;
  // Others than those of this machine can reach it.
  [[nodiscard]] virtual bool is_public() const = 0;
};

}  // namespace pinfo
