#include "tests/unit/request/random_talk.h"

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "tests/unit/request/conversation.h"

namespace pinfo::testing {
namespace {

constexpr size_t kMaxExchanges = 12;

class Choices {
 public:
  explicit Choices(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  size_t Below(size_t bound) {
    if (bytes_.empty()) {
      return 0;
    }
    const auto byte = static_cast<unsigned char>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte % bound;
  }

 private:
  std::string_view bytes_;
};

struct Exchange {
  std::string request;
  std::string response;
  std::string target;
  int status = 0;
};

std::string Chunked(Choices& choices) {
  std::string body;
  for (size_t i = choices.Below(4); i > 0; --i) {
    const size_t size = 1 + choices.Below(200);
    // Data that looks like the end of a body, and like a response.
    std::string data = choices.Below(2) == 0 ? std::string(size, 'c') : "HTTP/1.1 599 No\r\n0\r\n";
    char digits[16];
    snprintf(digits, sizeof digits, "%zx\r\n", data.size());
    body += digits + data + "\r\n";
  }
  return body + "0\r\n" + (choices.Below(3) == 0 ? "A: b\r\n" : "") + "\r\n";
}

Exchange MakeExchange(Choices& choices, size_t number) {
  constexpr std::array<int, 6> kStatuses{200, 204, 304, 404, 418, 503};
  Exchange exchange;
  exchange.status = kStatuses[choices.Below(kStatuses.size())];
  exchange.target = "/" + std::to_string(number) + "?" + std::to_string(exchange.status);
  const size_t kind = choices.Below(5);
  const std::string line = " " + exchange.target + " HTTP/1.1\r\nHost: h\r\n";
  if (kind == 0) {
    exchange.request = "HEAD" + line + "\r\n";
  } else if (kind == 1) {
    exchange.request = "POST" + line + "Content-Length: 20\r\n\r\nGET /x HTTP/1.1\r\n\r\n.";
  } else if (kind == 2) {
    exchange.request = "PUT" + line + "Transfer-Encoding: chunked\r\n\r\n" + Chunked(choices);
  } else {
    exchange.request = "GET" + line + std::string(choices.Below(8) == 0 ? "C: \r\n" : "") +
                       (choices.Below(2) == 0 ? "\r\n" : "A: b\r\n\r\n");
    if (exchange.request.find("C: \r\n") != std::string::npos) {
      exchange.request.insert(exchange.request.find("C: ") + 3, std::string(9000, 'c'));
    }
  }
  std::string& out = exchange.response;
  if (choices.Below(6) == 0) {
    out += "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
  }
  out += "HTTP/1.1 " + std::to_string(exchange.status) + " Reason\r\n";
  if (choices.Below(8) == 0) {
    out += "P: " + std::string(900, 'p') + "\r\n";
  }
  const bool bodiless = kind == 0 || exchange.status == 204 || exchange.status == 304;
  if (choices.Below(2) == 0) {
    const std::string body(choices.Below(250) * 3, 'b');
    out += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + (bodiless ? "" : body);
  } else {
    out += "Transfer-Encoding: chunked\r\n\r\n" + (bodiless ? "" : Chunked(choices));
  }
  return exchange;
}

// One to four pieces.
std::vector<std::string_view> Pieces(Choices& choices, std::string_view bytes) {
  std::vector<std::string_view> pieces;
  for (size_t i = choices.Below(4); i > 0 && bytes.size() > 1; --i) {
    const size_t size = 1 + (choices.Below(256) * bytes.size() / 256);
    pieces.push_back(bytes.substr(0, size));
    bytes.remove_prefix(std::min(size, bytes.size()));
  }
  if (!bytes.empty()) {
    pieces.push_back(bytes);
  }
  return pieces;
}

void Talk(Choices& choices, Conversation& talk, const std::vector<Exchange>& exchanges) {
  for (size_t i = 0; i < exchanges.size();) {
    size_t batch = std::min(exchanges.size() - i, 1 + choices.Below(3));
    // A head so long that it hides what is pipelined behind it is a limit of capturing.
    const auto first = exchanges.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::any_of(first, first + static_cast<std::ptrdiff_t>(batch),
                    [](const Exchange& each) { return each.request.size() > 3000; })) {
      batch = 1;
    }
    std::string in;
    std::string out;
    for (size_t k = i; k < i + batch; ++k) {
      in += exchanges[k].request;
      out += exchanges[k].response;
    }
    for (const std::string_view piece : Pieces(choices, in)) {
      talk.Receive(piece);
    }
    if (choices.Below(2) == 0) {  // each answer in sends of its own
      for (size_t k = i; k < i + batch; ++k) {
        for (const std::string_view piece : Pieces(choices, exchanges[k].response)) {
          talk.Send(piece, Conversation::kTid + static_cast<uint32_t>(choices.Below(2)));
        }
      }
    } else {
      for (const std::string_view piece : Pieces(choices, out)) {
        talk.Send(piece);
      }
    }
    i += batch;
  }
  talk.Close(choices.Below(4) == 0);
}

std::string Complain(const ServedRequest& request, const std::string& what) {
  return what + ": " + request.method + " " + request.target + " " + std::to_string(request.status) +
         " outcome " + std::to_string(static_cast<int>(request.outcome));
}

}  // namespace

std::string CheckTalk(std::string_view bytes) {
  Choices choices(bytes);
  const bool loses = choices.Below(2) != 0;
  const size_t lost = loses ? choices.Below(40) : SIZE_MAX;
  Conversation talk(choices.Below(2) == 0 ? Producer::kEachSend : Producer::kPended);
  std::vector<Exchange> exchanges;
  for (size_t i = choices.Below(kMaxExchanges); exchanges.size() <= i;) {
    exchanges.push_back(MakeExchange(choices, exchanges.size()));
  }
  Talk(choices, talk, exchanges);
  std::map<std::string, int> seen;
  const auto requests = Assemble(talk.records(), {}, lost);
  for (const ServedRequest& request : requests) {
    const size_t mark = request.target.find('?');
    if (mark == std::string::npos) {
      if (!loses) {
        return Complain(request, "no such target");
      }
      continue;
    }
    if (loses && request.protocol.empty()) {
      continue;  // its target is but a beginning
    }
    if (++seen[request.target] > 1) {
      return Complain(request, "twice");
    }
    if (request.status != 0 && request.target.substr(mark + 1) != std::to_string(request.status)) {
      return Complain(request, "another one's status");
    }
    if (request.outcome == Outcome::kAborted && !loses) {
      return Complain(request, "it was answered");
    }
    if (request.outcome == Outcome::kComplete && request.status == 0) {
      return Complain(request, "complete without a status");
    }
  }
  if (!loses && requests.size() != exchanges.size()) {
    return std::to_string(requests.size()) + " of " + std::to_string(exchanges.size());
  }
  return {};
}

}  // namespace pinfo::testing
