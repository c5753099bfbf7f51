// A client that keeps many connections busy and checks every answer's status.
//
//   load_client PORT REQUESTS CONNECTIONS THREADS
//
// Request number N asks for /status?code=C&n=N, with C taken in turn from a few statuses, so that
// each target is asked for once. Each thread has its share of the connections; it sends on all of
// them and then reads all answers. Exit 0: every request was answered as asked.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr int kStatuses[] = {200, 200, 200, 404, 500, 302};

std::atomic<int> next_request = 0;
std::atomic<int> failures = 0;

int Connect(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const int yes = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  const timeval limit{.tv_sec = 30, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    perror("load_client: connect");
    exit(1);
  }
  return fd;
}

int StatusOf(int request) { return kStatuses[static_cast<size_t>(request) % std::size(kStatuses)]; }

bool Ask(int fd, int request) {
  char text[160];
  const int size =
      snprintf(text, sizeof text, "GET /status?code=%d&n=%d HTTP/1.1\r\nHost: load.example\r\n\r\n",
               StatusOf(request), request);
  return send(fd, text, static_cast<size_t>(size), MSG_NOSIGNAL) == size;
}

// The server's answers to /status have a body of 7 bytes.
bool ReadAnswer(int fd, int request) {
  std::string answer;
  char chunk[512];
  for (;;) {
    const ssize_t n = recv(fd, chunk, sizeof chunk, 0);
    if (n <= 0) {
      return false;
    }
    answer.append(chunk, static_cast<size_t>(n));
    const size_t head = answer.find("\r\n\r\n");
    if (head != std::string::npos && answer.size() >= head + 4 + strlen("status\n")) {
      return answer.compare(9, 3, std::to_string(StatusOf(request))) == 0;
    }
  }
}

void Run(int port, int connections, int requests) {
  std::vector<int> fds(static_cast<size_t>(connections));
  for (int& fd : fds) {
    fd = Connect(port);
  }
  std::vector<int> asked(fds.size());
  for (bool more = true; more;) {
    size_t sent = 0;
    for (; sent < fds.size(); ++sent) {
      asked[sent] = next_request++;
      if (asked[sent] >= requests) {
        more = false;
        break;
      }
      failures += Ask(fds[sent], asked[sent]) ? 0 : 1;
    }
    for (size_t i = 0; i < sent; ++i) {
      failures += ReadAnswer(fds[i], asked[i]) ? 0 : 1;
    }
  }
  for (const int fd : fds) {
    close(fd);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: %s PORT REQUESTS CONNECTIONS THREADS\n", argv[0]);
    return 2;
  }
  const int threads = atoi(argv[4]);
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back(Run, atoi(argv[1]), atoi(argv[3]) / threads, atoi(argv[2]));
  }
  for (std::thread& thread : running) {
    thread.join();
  }
  if (failures != 0) {
    fprintf(stderr, "load_client: %d requests were not answered as asked\n", failures.load());
  }
  return failures == 0 ? 0 : 1;
}
