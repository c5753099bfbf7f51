#include "tests/unit/request/script.h"

#include <algorithm>
#include <array>

namespace pinfo::testing {
namespace {

using Random = std::mt19937;

size_t Below(Random& random, size_t bound) {
  return std::uniform_int_distribution<size_t>(0, bound - 1)(random);
}

Exchange RandomExchange(Random& random, size_t number, bool last) {
  constexpr std::array<const char*, 4> kMethods{"GET", "HEAD", "POST", "DELETE"};
  constexpr std::array<int, 6> kStatuses{200, 204, 302, 304, 404, 500};
  Exchange exchange;
  exchange.method = kMethods[Below(random, kMethods.size())];
  exchange.target = "/r" + std::to_string(number);
  exchange.status = kStatuses[Below(random, kStatuses.size())];
  exchange.request = exchange.method + " " + exchange.target + " HTTP/1.1\r\nHost: h\r\n";
  if (exchange.method == "POST") {
    const std::string body(Below(random, 60), 'b');
    exchange.request += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  } else {
    exchange.request += "\r\n";
  }
  exchange.response = "HTTP/1.1 " + std::to_string(exchange.status) + " Reason\r\n";
  const bool no_body =
      exchange.method == "HEAD" || exchange.status == 204 || exchange.status == 304;
  const std::string body(Below(random, 80), 'r');
  if (no_body) {
    exchange.response += "Content-Length: 77\r\n\r\n";
  } else if (last && Below(random, 3) == 0) {
    exchange.response += "Connection: close\r\n\r\n" + body;
  } else {
    exchange.response += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  return exchange;
}

// Up to max pieces, the first of which holds at least `least` bytes.
std::vector<std::string> Split(Random& random, const std::string& bytes, size_t max, size_t least) {
  std::vector<size_t> cuts{0, bytes.size()};
  for (size_t i = 1; i < max && bytes.size() > least; ++i) {
    cuts.push_back(least + Below(random, bytes.size() - least));
  }
  std::sort(cuts.begin(), cuts.end());
  std::vector<std::string> pieces;
  for (size_t i = 1; i < cuts.size(); ++i) {
    if (cuts[i] > cuts[i - 1]) {
      pieces.push_back(bytes.substr(cuts[i - 1], cuts[i] - cuts[i - 1]));
    }
  }
  return pieces;
}

}  // namespace

Script RandomScript(uint32_t seed, ScriptOptions options) {
  Random random(seed);
  Script script;
  const size_t count = 1 + Below(random, 8);
  for (size_t i = 0; i < count; ++i) {
    script.exchanges.push_back(RandomExchange(random, i, i + 1 == count));
  }
  Conversation talk(options.producer);
  for (size_t i = 0; i < count;) {
    const size_t batch = options.pipelined ? std::min(count - i, 1 + Below(random, 3)) : 1;
    std::string in;
    std::string out;
    for (size_t k = 0; k < batch; ++k) {
      in += script.exchanges[i + k].request;
      out += script.exchanges[i + k].response;
    }
    for (const std::string& piece : Split(random, in, 1 + Below(random, 3), 1)) {
      talk.Receive(piece);
    }
    // A head is sent whole: what is captured is the turn's first send alone.
    const size_t head = out.find("\r\n\r\n") + 4;
    const size_t sends = options.split_sends ? 1 + Below(random, 3) : 1;
    for (const std::string& piece : Split(random, out, sends, head)) {
      talk.Send(piece);
    }
    i += batch;
  }
  talk.Close();
  script.records = std::move(talk.records());
  return script;
}

}  // namespace pinfo::testing
