#include "html/server.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <httplib.h>
#include <sys/random.h>

#include "html/content.h"
#include "html/route_page.h"

namespace pinfo::html {
namespace {

constexpr size_t kTokenBytes = 16;
// A browser opens connections ahead of need, and an idle one holds a thread until the time is up.
constexpr size_t kThreads = 24;
constexpr time_t kTimeoutSeconds = 5;
constexpr size_t kLargestRequestBody = 1024;  // none has one

Result<std::string> MakeToken() {
  unsigned char bytes[kTokenBytes];
  if (getrandom(bytes, sizeof(bytes), 0) != static_cast<ssize_t>(sizeof(bytes))) {
    return FailErrno("no random numbers");
  }
  std::string token;
  for (const unsigned char byte : bytes) {
    token += fmt::format("{:02x}", byte);
  }
  return token;
}

// Takes as long however much of it is right.
bool IsToken(std::string_view given, std::string_view token) {
  if (given.size() != token.size()) {
    return false;
  }
  unsigned difference = 0;
  for (size_t i = 0; i < token.size(); ++i) {
    difference |= static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(token[i]);
  }
  return difference == 0;
}

const char* ContentTypeOf(std::string_view name) {
  if (name.ends_with(".html")) {
    return "text/html; charset=utf-8";
  }
  return name.ends_with(".css") ? "text/css; charset=utf-8" : "text/javascript; charset=utf-8";
}

// The part between a prefix and ".js"; nullopt where it is not so.
std::optional<std::string> Between(std::string_view name, std::string_view prefix) {
  constexpr std::string_view kEnd = ".js";
  if (!name.starts_with(prefix) || !name.ends_with(kEnd) ||
      name.size() <= prefix.size() + kEnd.size()) {
    return std::nullopt;
  }
  return std::string(name.substr(prefix.size(), name.size() - prefix.size() - kEnd.size()));
}

Result<std::optional<std::string>> Optional(Result<std::string> text) {
  if (!text) {
    return tl::unexpected(text.error());
  }
  return std::move(*text);
}

Result<std::optional<std::string>> Rendered(const Result<RenderPool::Render>& render) {
  if (!render) {
    return tl::unexpected(render.error());
  }
  return Optional((*render)());
}

Result<std::optional<std::string>> RequestFile(Reader& reader, Content& content,
                                               const std::string& id) {
  if (id.size() > 18 || id.find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  const Result<std::optional<RequestRow>> row = reader.FindRequest(RequestId{std::stoll(id)});
  if (!row) {
    return tl::unexpected(row.error());
  }
  return *row ? Rendered(content.RequestPage(**row)) : std::nullopt;
}

Result<std::optional<std::string>> RouteFile(Content& content, const std::string& key) {
  const Result<std::vector<RouteSummary>> routes = content.RoutesWithPages();
  if (!routes) {
    return tl::unexpected(routes.error());
  }
  for (const RouteSummary& route : *routes) {
    if (RouteKey(route) == key) {
      return Rendered(content.RoutePage(route));
    }
  }
  return std::nullopt;
}

Result<std::optional<std::string>> FileOf(Reader& reader, Content& content, std::string_view name) {
  if (name == "data/requests.js") {
    std::string script;
    const Status status = content.WriteRequests([&script](std::string_view piece) {
      script += piece;
      return Status();
    });
    if (!status) {
      return tl::unexpected(status.error());
    }
    return script;
  }
  if (const auto id = Between(name, "requests/")) {
    return RequestFile(reader, content, *id);
  }
  if (const auto key = Between(name, "routes/")) {
    return RouteFile(content, *key);
  }
  return content.Data(name);
}

void SetBody(std::string body, const char* content_type, httplib::Response& response) {
  // As a provider of known length: bodies are compressed at the library's slowest level.
  const size_t length = body.size();
  const auto shared = std::make_shared<std::string>(std::move(body));
  if (length == 0) {
    response.set_content("", content_type);
    return;
  }
  response.set_content_provider(length, content_type,
                                [shared](size_t offset, size_t size, httplib::DataSink& sink) {
                                  return sink.write(shared->data() + offset, size);
                                });
}

class HttpReportServer : public ReportServer {
 public:
  HttpReportServer(const ServeOptions& options, OpenReader open_reader, std::string token,
                   std::unique_ptr<httplib::Server> server)
      : options_(options),
        open_reader_(std::move(open_reader)),
        token_(std::move(token)),
        nonce_(MakeNonce()),
        server_(std::move(server)) {
    options_.report.live = true;
    server_->new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    server_->set_read_timeout(kTimeoutSeconds);
    server_->set_write_timeout(kTimeoutSeconds);
    server_->set_keep_alive_max_count(1);
    server_->set_payload_max_length(kLargestRequestBody);
    server_->set_tcp_nodelay(true);
    server_->set_default_headers({{"Cache-Control", "no-store"},
                                  {"Referrer-Policy", "no-referrer"},
                                  {"X-Content-Type-Options", "nosniff"},
                                  {"X-Frame-Options", "DENY"},
                                  {"Cross-Origin-Resource-Policy", "same-origin"}});
    server_->Get(".*", [this](const httplib::Request& request, httplib::Response& response) {
      Respond(request, response);
    });
  }

  Status BindPort() {
    if (options_.port == 0) {
      port_ = server_->bind_to_any_port(options_.address);
    } else {
      port_ = server_->bind_to_port(options_.address, options_.port) ? options_.port : -1;
    }
    return port_ > 0 ? Status()
                     : Fail(fmt::format("cannot listen on {} port {}: {}", options_.address,
                                        options_.port, std::strerror(errno)));
  }

  void Add(const std::string& path, Render render) override { more_[path] = std::move(render); }

  [[nodiscard]] std::string Url() const override {
    const bool v6 = options_.address.find(':') != std::string::npos;
    return fmt::format("{}://{}{}{}:{}/{}/index.html",
                       options_.certificate.empty() ? "http" : "https", v6 ? "[" : "",
                       options_.address, v6 ? "]" : "", port_, token_);
  }

  Status Run() override {
    const bool ended_well = stopped_ || server_->listen_after_bind() || stopped_;
    over_ = true;
    return ended_well ? Status() : Fail("the server stopped listening");
  }

  void Stop() override {
    stopped_ = true;
    // The library forgets a stop that comes before it listens.
    while (!over_) {
      server_->stop();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

 private:
  void Respond(const httplib::Request& request, httplib::Response& response) {
    std::string_view path = request.path;
    path.remove_prefix(path.starts_with('/') ? 1 : 0);
    const size_t slash = path.find('/');
    if (slash == std::string_view::npos || !IsToken(path.substr(0, slash), token_)) {
      response.status = 404;
      return response.set_content("Nothing here. pinfo serve prints the URL to open.\n",
                                  "text/plain");
    }
    path.remove_prefix(slash + 1);
    const std::string name = path.empty() ? "index.html" : std::string(path);
    if (const auto more = more_.find(name); more != more_.end()) {
      return RespondMore(more->second, request.get_header_value("Accept"), response);
    }
    const Result<std::optional<std::string>> file = File(name);
    if (!file) {
      response.status = 500;
      return response.set_content(file.error().message + "\n", "text/plain; charset=utf-8");
    }
    if (!*file) {
      response.status = 404;
      return response.set_content("No such file in this report.\n", "text/plain");
    }
    SetBody(std::move(**file), ContentTypeOf(name), response);
  }

  void RespondMore(const Render& render, const std::string& accept, httplib::Response& response) {
    const std::scoped_lock lock(mutex_);
    Result<Answer> answer = render(accept);
    if (!answer) {
      response.status = 503;
      return response.set_content(answer.error().message + "\n", "text/plain; charset=utf-8");
    }
    SetBody(std::move(answer->body), answer->content_type.c_str(), response);
  }

  // One at a time: the servers that are watched come first.
  Result<std::optional<std::string>> File(const std::string& name) {
    const std::scoped_lock lock(mutex_);
    const Result<std::unique_ptr<Reader>> reader = open_reader_();
    if (!reader) {
      return tl::unexpected(reader.error());
    }
    Content content(**reader, options_.report, nonce_);
    Result<std::optional<std::string>> fixed = content.Fixed(name);
    if (!fixed || *fixed) {
      return fixed;
    }
    return FileOf(**reader, content, name);
  }

  ServeOptions options_;
  const OpenReader open_reader_;
  const std::string token_;
  const std::string nonce_;
  std::unique_ptr<httplib::Server> server_;
  std::map<std::string, Render> more_;
  std::mutex mutex_;
  std::atomic<bool> stopped_ = false;
  std::atomic<bool> over_ = false;  // Run has returned, or is about to
  int port_ = 0;
};

}  // namespace

bool IsLoopback(const std::string& address) {
  in_addr v4{};
  in6_addr v6{};
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) {
    return ntohl(v4.s_addr) >> 24 == 127;
  }
  return inet_pton(AF_INET6, address.c_str(), &v6) == 1 ? IN6_IS_ADDR_LOOPBACK(&v6) != 0
                                                        : address == "localhost";
}

Result<std::unique_ptr<ReportServer>> ReportServer::Bind(const ServeOptions& options,
                                                         OpenReader open_reader) {
  Result<std::string> token = MakeToken();
  if (!token) {
    return tl::unexpected(token.error());
  }
  std::unique_ptr<httplib::Server> http;
  if (options.certificate.empty()) {
    http = std::make_unique<httplib::Server>();
  } else {
    http = std::make_unique<httplib::SSLServer>(options.certificate.c_str(), options.key.c_str());
    if (!http->is_valid()) {
      return Fail(fmt::format("TLS: no pair of certificate and key in {} and {}",
                              options.certificate, options.key));
    }
  }
  auto server = std::make_unique<HttpReportServer>(options, std::move(open_reader),
                                                   std::move(*token), std::move(http));
  if (Status status = server->BindPort(); !status) {
    return tl::unexpected(status.error());
  }
  return server;
}

}  // namespace pinfo::html
