// The test server whose behaviour is known exactly: a small HTTP/1.1 server that sleeps, burns CPU
// in two named functions in a known proportion, echoes, streams and aborts on request, and keeps
// its own account of every request. Scenarios compare what pinfo saw with that account.
//
//   threaded_server --port P --log FILE [--mode threads|event|pool] [--workers N]
//
// threads: one thread a connection. event: one epoll loop. pool: an epoll loop reads the requests,
// two other threads answer them. N > 0 forks N workers that share the
// listening socket and lets the parent wait for them. Ends on SIGTERM or SIGINT with status 0.
//
//   /sleep?ms=N            sleeps N milliseconds
//   /burn?ms=N&share=P     N ms of this thread's CPU time, P percent in burn_alpha, the rest in
//                          burn_beta, in short alternating slices
//   /mix?alpha=N&beta=N&timer=N&lock=N&upstream=N
//                          each for N ms: CPU in burn_alpha and burn_beta, waits in wait_for_timer,
//                          wait_for_lock and wait_for_upstream; the body says how many ns each took
//   /echo                  the request's body back
//   /deep?frames=N&ms=M    M ms of CPU time below N frames of recurse
//   /wide?frames=N&ms=M    M ms of CPU time and M ms of sleep below N frames of 1 KB (descend)
//   /bytes?n=N             N bytes
//   /chunked?n=N&ms=M      N chunks, M milliseconds before each
//   /status?code=C         that status, without a body where the protocol forbids one
//   /abort                 half a response, then a reset
//
// A line of the log, written after the response: begin_ns sending_ns end_ns pid tid method target
// status, with the times of CLOCK_MONOTONIC right after the first read returned, right before the
// last write was called and right after it returned. The last byte was handed to the kernel between
// the latter two: a thread is often preempted on its way out of a write, by the client it woke.
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/servers/http_message.h"
#include "tests/servers/known_work.h"

namespace pinfo::testing {
namespace {

struct Options {
  int port = 0;
  std::string log_path;
  std::string mode = "threads";
  int workers = 0;
};

int log_fd = -1;

// One connection and what has been read from it. Belongs to the thread that serves it.
struct Connection {
  int fd = -1;
  std::string buffer;
  int64_t begin_ns = 0;  // when the first bytes of the request in the buffer were read

  explicit Connection(int descriptor) : fd(descriptor) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { close(fd); }
};

// Times of the request being answered.
struct Account {
  int64_t begin_ns = 0;
  int64_t sending_ns = 0;
  int64_t end_ns = 0;
};

bool SendAll(int fd, const std::string& bytes, Account& account) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    account.sending_ns = MonotonicNs();
    ssize_t n = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    account.end_ns = MonotonicNs();
    sent += static_cast<size_t>(n);
  }
  return true;
}

void Log(const Account& account, const HttpRequest& request, int status) {
  char line[4096];
  int length =
      snprintf(line, sizeof(line), "%lld %lld %lld %d %d %s %s %d\n",
               static_cast<long long>(account.begin_ns), static_cast<long long>(account.sending_ns),
               static_cast<long long>(account.end_ns), getpid(), gettid(), request.method.c_str(),
               request.target.c_str(), status);
  if (length >= static_cast<int>(sizeof(line))) length = sizeof(line) - 1;
  if (write(log_fd, line, static_cast<size_t>(length)) != length) perror("threaded_server: log");
}

// A reset instead of an orderly end: the client sees the connection break in mid-response.
void ResetOnClose(int fd) {
  linger hard{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
}

bool ServeChunked(int fd, const HttpRequest& request, Account& account) {
  if (!SendAll(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", account)) return false;
  for (int64_t i = 0; i < request.Number("n", 3); ++i) {
    SleepMs(request.Number("ms", 0));
    if (!SendAll(fd, "5\r\nchunk\r\n", account)) return false;
  }
  return SendAll(fd, "0\r\n\r\n", account);
}

std::string Mix(const HttpRequest& request) {
  constexpr int64_t kMs = 1'000'000;
  std::string body;
  const auto took = [&body](const char* name, int64_t ns) {
    body += std::string(name) + " " + std::to_string(ns) + "\n";
  };
  const auto burn = [&](const char* name, void (*work)(int64_t)) {
    const int64_t begin = ThreadCpuNs();
    if (const int64_t ms = request.Number(name, 0); ms > 0) work(ms * kMs);
    took(name, ThreadCpuNs() - begin);
  };
  const auto wait = [&](const char* name, int64_t (*work)(int64_t)) {
    const int64_t ms = request.Number(name, 0);
    const int64_t ready = ThreadReadyNs();
    took(name, ms > 0 ? work(ms * kMs) : 0);
    took((std::string(name) + "_ready").c_str(), ThreadReadyNs() - ready);
  };
  burn("alpha", burn_alpha);
  wait("timer", wait_for_timer);
  wait("lock", wait_for_lock);
  wait("upstream", wait_for_upstream);
  burn("beta", burn_beta);
  return body;
}

// Answers one request and logs it. False: the connection is to be closed.
bool Serve(int fd, const HttpRequest& request, int64_t begin_ns) {
  Account account{.begin_ns = begin_ns, .sending_ns = begin_ns, .end_ns = begin_ns};
  int status = 200;
  bool keep = request.keep_alive;
  if (request.path == "/chunked") {
    keep = ServeChunked(fd, request, account) && keep;
    Log(account, request, status);
    return keep;
  }
  if (request.path == "/abort") {
    SendAll(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it", account);
    Log(account, request, status);
    ResetOnClose(fd);
    return false;
  }
  std::string body;
  if (request.path == "/sleep") {
    SleepMs(request.Number("ms", 0));
    body = "slept\n";
  } else if (request.path == "/burn") {
    Burn(request.Number("ms", 10), request.Number("share", 50));
    body = "burnt\n";
  } else if (request.path == "/mix") {
    body = Mix(request);
  } else if (request.path == "/echo") {
    body = request.body;
  } else if (request.path == "/deep") {
    recurse(request.Number("frames", 100), request.Number("ms", 1) * 1'000'000);
    body = "back\n";
  } else if (request.path == "/wide") {
    descend(request.Number("frames", 10), request.Number("ms", 1) * 1'000'000);
    body = "back\n";
  } else if (request.path == "/bytes") {
    body.assign(static_cast<size_t>(request.Number("n", 1)), 'x');
  } else if (request.path == "/status") {
    status = static_cast<int>(request.Number("code", 200));
    body = "status\n";
  } else {
    status = 404;
    body = "no such page\n";
  }
  keep = SendAll(fd, FormatResponse(request, status, body), account) && keep;
  Log(account, request, status);
  return keep;
}

// Reads once and serves every whole request in the buffer. False: the connection is over.
bool Step(Connection& connection) {
  char chunk[16384];
  ssize_t n = recv(connection.fd, chunk, sizeof(chunk), 0);
  int64_t now = MonotonicNs();
  if (n < 0 && errno == EINTR) return true;
  if (n <= 0) return false;
  if (connection.buffer.empty()) connection.begin_ns = now;
  connection.buffer.append(chunk, static_cast<size_t>(n));
  while (!connection.buffer.empty()) {
    HttpRequest request;
    ParseOutcome outcome = ParseRequest(connection.buffer, request);
    if (outcome == ParseOutcome::kNeedMore) return true;
    if (outcome == ParseOutcome::kInvalid) {
      Account account;
      SendAll(connection.fd, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", account);
      return false;
    }
    connection.buffer.erase(0, request.consumed);
    if (!Serve(connection.fd, request, connection.begin_ns)) return false;
    connection.begin_ns = now;
  }
  return true;
}

int Listen(int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(fd, SOMAXCONN) != 0) {
    perror("threaded_server: listen");
    exit(1);
  }
  return fd;
}

[[noreturn]] void RunThreads(int listener) {
  for (;;) {
    int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    std::thread([fd] {
      Connection connection(fd);
      while (Step(connection)) {
      }
    }).detach();
  }
}

[[noreturn]] void RunEventLoop(int listener) {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  fcntl(listener, F_SETFL, O_NONBLOCK);  // several workers are woken, one gets the connection
  epoll_event interest{.events = EPOLLIN, .data = {.fd = listener}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &interest);
  std::map<int, std::unique_ptr<Connection>> connections;
  for (;;) {
    epoll_event ready[64];
    int count = epoll_wait(epoll, ready, 64, -1);
    for (int i = 0; i < count; ++i) {
      int fd = ready[i].data.fd;
      if (fd != listener) {
        if (!Step(*connections.at(fd))) connections.erase(fd);
        continue;
      }
      int accepted = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (accepted < 0) continue;
      interest = {.events = EPOLLIN, .data = {.fd = accepted}};
      epoll_ctl(epoll, EPOLL_CTL_ADD, accepted, &interest);
      connections.emplace(accepted, std::make_unique<Connection>(accepted));
    }
  }
}

// A request read whole, for the thread that answers it.
struct Job {
  Connection* connection = nullptr;
  HttpRequest request;
};

// Answers what the loop has read; the connection is the loop's again once it is armed.
void RunWorker(int epoll, std::deque<Job>& jobs, std::mutex& mutex, std::condition_variable& more) {
  for (;;) {
    std::unique_lock<std::mutex> lock(mutex);
    more.wait(lock, [&jobs] { return !jobs.empty(); });
    const Job job = std::move(jobs.front());
    jobs.pop_front();
    lock.unlock();
    if (!Serve(job.connection->fd, job.request, job.connection->begin_ns)) {
      delete job.connection;
      continue;
    }
    epoll_event interest{.events = EPOLLIN | EPOLLONESHOT, .data = {.ptr = job.connection}};
    epoll_ctl(epoll, EPOLL_CTL_MOD, job.connection->fd, &interest);
  }
}

// Clients of this mode send one request at a time, in one piece.
[[noreturn]] void RunPool(int listener) {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  std::deque<Job> jobs;
  std::mutex mutex;
  std::condition_variable more;
  for (int i = 0; i < 2; ++i) {
    std::thread([&, epoll] { RunWorker(epoll, jobs, mutex, more); }).detach();
  }
  epoll_event interest{.events = EPOLLIN, .data = {.ptr = nullptr}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &interest);
  for (;;) {
    epoll_event ready;
    if (epoll_wait(epoll, &ready, 1, -1) != 1) continue;
    if (ready.data.ptr == nullptr) {
      int accepted = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (accepted < 0) continue;
      interest = {.events = EPOLLIN | EPOLLONESHOT, .data = {.ptr = new Connection(accepted)}};
      epoll_ctl(epoll, EPOLL_CTL_ADD, accepted, &interest);
      continue;
    }
    Job job{.connection = static_cast<Connection*>(ready.data.ptr), .request = {}};
    char chunk[16384];
    ssize_t n = recv(job.connection->fd, chunk, sizeof(chunk), 0);
    job.connection->begin_ns = MonotonicNs();
    std::string bytes(chunk, n > 0 ? static_cast<size_t>(n) : 0);
    if (n <= 0 || ParseRequest(bytes, job.request) != ParseOutcome::kSuccess) {
      delete job.connection;
      continue;
    }
    const std::lock_guard<std::mutex> lock(mutex);
    jobs.push_back(std::move(job));
    more.notify_one();
  }
}

[[noreturn]] void Serve(const Options& options, int listener) {
  if (options.mode == "pool") RunPool(listener);
  if (options.mode == "event") RunEventLoop(listener);
  RunThreads(listener);
}

std::vector<pid_t> workers;

// Handler of SIGTERM and SIGINT; only async-signal-safe calls.
void End(int) {
  for (pid_t worker : workers) kill(worker, SIGTERM);
  _exit(0);
}

int Run(const Options& options) {
  log_fd = open(options.log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log_fd < 0) {
    perror("threaded_server: log");
    return 1;
  }
  int listener = Listen(options.port);
  // A client that goes away in mid-response is this program's daily bread.
  signal(SIGPIPE, SIG_IGN);
  for (int i = 0; i < options.workers; ++i) {
    pid_t worker = fork();
    if (worker == 0) {
      workers.clear();
      signal(SIGTERM, End);
      signal(SIGINT, End);
      Serve(options, listener);
    }
    workers.push_back(worker);
  }
  signal(SIGTERM, End);
  signal(SIGINT, End);
  printf("listening on 127.0.0.1:%d\n", options.port);
  fflush(stdout);
  if (options.workers == 0) Serve(options, listener);
  while (wait(nullptr) > 0) {
  }
  return 1;  // workers end only by a signal from here or from a test
}

}  // namespace
}  // namespace pinfo::testing

int main(int argc, char** argv) {
  pinfo::testing::Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string name = argv[i];
    std::string value = argv[i + 1];
    if (name == "--port") options.port = atoi(value.c_str());
    if (name == "--log") options.log_path = value;
    if (name == "--mode") options.mode = value;
    if (name == "--workers") options.workers = atoi(value.c_str());
  }
  if (options.port == 0 || options.log_path.empty()) {
    fprintf(stderr, "usage: %s --port P --log FILE [--mode threads|event|pool] [--workers N]\n",
            argv[0]);
    return 2;
  }
  return pinfo::testing::Run(options);
}
