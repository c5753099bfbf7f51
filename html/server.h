// Serves the pages of a report over HTTP, each file made from the database at the moment it is
// asked for. Every path begins with a random token: who does not know the URL sees nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "collector/base/result.h"
#include "collector/store/reader.h"
#include "html/report.h"

namespace pinfo::html {

struct ServeOptions {
  std::string address = "127.0.0.1";
  int port = 0;             // 0: any that is free
  std::string certificate;  // PEM files; empty: no TLS
  std::string key;
  ReportOptions report;  // its directory is not used
};

// Of the machine itself: what is sent there cannot be seen by others.
bool IsLoopback(const std::string& address);

class ReportServer {
 public:
  // Called for each file that is asked for, by one thread at a time.
  using OpenReader = std::function<Result<std::unique_ptr<Reader>>()>;
  // More files than the report's own: what is behind "/TOKEN/PATH".
  struct Answer {
    std::string content_type;
    std::string body;
  };
  // accept: the request's header of this name. Called by one thread at a time.
  using Render = std::function<Result<Answer>(const std::string& accept)>;

  // Binds the port. Fails where that is taken, or the certificate or the key is no good.
  static Result<std::unique_ptr<ReportServer>> Bind(const ServeOptions& options,
                                                    OpenReader open_reader);
  virtual ~ReportServer() = default;

  // Before Run: "metrics".
  virtual void Add(const std::string& path, Render render) = 0;
  // With the token: whoever has it may look.
  [[nodiscard]] virtual std::string Url() const = 0;
  // Answers until Stop.
  virtual Status Run() = 0;
  // Ends a Run of another thread, also one that is only about to begin, and waits for it to be
  // over. REQUIRES: there is one.
  virtual void Stop() = 0;
};

}  // namespace pinfo::html
