#include "collector/exposition/metrics_server.h"

#include <charconv>
#include <chrono>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <httplib.h>

#include "collector/base/wall_clock.h"
#include "collector/exposition/openmetrics.h"

namespace pinfo {
namespace {

constexpr size_t kRequestBytesMax = 8'192;
constexpr time_t kTimeoutSeconds = 5;
constexpr size_t kThreads = 2;

class HttpMetricsServer : public MetricsServer {
 public:
  HttpMetricsServer(std::string host, std::string database)
      : host_(std::move(host)), database_(std::move(database)), totals_(WallClockNs()) {}
  ~HttpMetricsServer() override {
    server_.stop();
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  Status Listen(int port) {
    server_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    // Not SO_REUSEPORT, which the library would set: a port that is taken must be told.
    server_.set_socket_options([](socket_t socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    });
    server_.set_payload_max_length(kRequestBytesMax);
    server_.set_read_timeout(kTimeoutSeconds);
    server_.set_write_timeout(kTimeoutSeconds);
    server_.set_keep_alive_timeout(kTimeoutSeconds);
    server_.Get("/metrics", [this](const httplib::Request& request, httplib::Response& response) {
      Answer(FormatFor(request.get_header_value("Accept")), response);
    });
    server_.Get("/", [](const httplib::Request&, httplib::Response& response) {
      response.set_content("pinfo: /metrics is what you look for\n", "text/plain");
    });
    if (port == 0) {
      port_ = server_.bind_to_any_port(host_);
    } else if (server_.bind_to_port(host_, port)) {
      port_ = port;
    }
    if (port_ <= 0) {
      return Fail(
          fmt::format("cannot listen on {}:{} for /metrics (another server there?)", host_, port));
    }
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) {  // before that, stop() is not heard
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return {};
  }

  [[nodiscard]] std::string address() const override {
    return host_.find(':') == std::string::npos ? fmt::format("{}:{}", host_, port_)
                                                : fmt::format("[{}]:{}", host_, port_);
  }
  [[nodiscard]] bool is_public() const override {
    return !host_.starts_with("127.") && host_ != "::1" && host_ != "localhost";
  }

 private:
  void Answer(ExpositionFormat format, httplib::Response& response) {
    const std::lock_guard lock(mutex_);
    const Result<Exposition> exposition = GatherExposition(database_, totals_, WallClockNs());
    if (!exposition) {
      response.status = 503;
      response.set_content(exposition.error().message + "\n", "text/plain");
      return;
    }
    response.set_content(RenderExposition(*exposition, format), ContentType(format));
  }

  const std::string host_;
  const std::string database_;
  int port_ = 0;
  std::mutex mutex_;
  RequestTotals totals_;
  httplib::Server server_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<MetricsServer>> MetricsServer::Start(const std::string& listen,
                                                            const std::string& database) {
  const size_t colon = listen.rfind(':');
  std::string host = colon == std::string::npos ? "127.0.0.1" : listen.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  const std::string text = colon == std::string::npos ? listen : listen.substr(colon + 1);
  int port = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port < 0 || port > 65'535) {
    return Fail(fmt::format("'{}' is no address to listen on: write [ADDR:]PORT", listen));
  }
  auto server = std::make_unique<HttpMetricsServer>(std::move(host), database);
  if (Status status = server->Listen(port); !status) {
    return tl::unexpected(status.error());
  }
  return server;
}

}  // namespace pinfo
