// What the assembler costs a request: two records each, over many keep-alive connections.
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "tests/unit/request/conversation.h"

namespace pinfo::testing {
namespace {

constexpr std::string_view kBrowserHead =
    "GET /shop/items/4711?page=2&sort=price HTTP/1.1\r\nHost: shop.example.org\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\n"
    "Connection: keep-alive\r\nCookie: session=0123456789abcdef0123456789abcdef\r\n\r\n";
constexpr std::string_view kToolHead = "GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

void BM_KeepAlive(benchmark::State& state) {
  const auto connections = static_cast<size_t>(state.range(0));
  const std::string_view head = state.range(1) != 0 ? kBrowserHead : kToolHead;
  constexpr size_t kRequests = 8;
  const std::string response =
      "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sat, 21 Nov 2026 03:13:09 GMT\r\n"
      "Content-Type: text/html\r\nContent-Length: 615\r\nConnection: keep-alive\r\n\r\n" +
      std::string(300, 'x');
  std::vector<Conversation> talks;
  for (size_t i = 0; i < connections; ++i) {
    Conversation talk(Producer::kPended, (i + 1) << 8, 1'000'000 + i);
    for (size_t k = 0; k < kRequests; ++k) {
      talk.Receive(head);
      talk.Send(response);
      talk.SendUnseen(315);
    }
    talk.Flush();
    talks.push_back(std::move(talk));
  }
  std::vector<RecordView> views;
  for (size_t r = 0; r < 2 * kRequests; ++r) {
    for (const Conversation& talk : talks) {
      views.push_back(talk.records()[r].View());
    }
  }
  size_t seen = 0;
  for (auto _ : state) {
    RequestAssembler assembler({}, [&seen](ServedRequest r) { seen += r.status == 200 ? 1 : 0; });
    for (const RecordView& view : views) {
      assembler.OnRecord(view);
    }
  }
  if (seen != state.iterations() * connections * kRequests) {
    state.SkipWithError("not every request was reported");
  }
  state.SetItemsProcessed(static_cast<int64_t>(seen));
}
BENCHMARK(BM_KeepAlive)
    ->ArgNames({"connections", "browser"})
    ->Args({16, 0})
    ->Args({16, 1})
    ->Args({1000, 1});

}  // namespace
}  // namespace pinfo::testing
