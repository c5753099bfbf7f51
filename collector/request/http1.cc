#include "collector/request/http1.h"

#include <algorithm>
#include <array>

namespace pinfo {
namespace {

constexpr std::string_view kVersionPrefix = "HTTP/1.";
constexpr std::string_view kSimpleVersion = "HTTP/0.9";
// The longest method registered with IANA has 17 letters (UPDATEREDIRECTREF); what is longer than
// this is some other protocol's first word.
constexpr size_t kMaxMethod = 32;

// token characters of RFC 9110, 5.6.2.
constexpr std::array<bool, 256> MakeTokenTable() {
  std::array<bool, 256> table{};
  for (const char c : std::string_view("!#$%&'*+-.^_`|~0123456789"
                                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}
constexpr std::array<bool, 256> kToken = MakeTokenTable();

bool IsToken(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return kToken[static_cast<unsigned char>(c)]; });
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// CR and LF count: a folded field value holds line ends.
bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && IsSpace(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// True where text and prefix agree as far as the shorter goes.
bool AgreesWith(std::string_view text, std::string_view prefix) {
  const size_t n = std::min(text.size(), prefix.size());
  return text.substr(0, n) == prefix.substr(0, n);
}

bool IsVersion(std::string_view text) {
  return text.size() == kVersionPrefix.size() + 1 && text.starts_with(kVersionPrefix) &&
         IsDigit(text.back());
}

// One line without its end (LF or CRLF), removed from rest. False where rest holds no line end.
bool TakeLine(std::string_view& rest, std::string_view& line) {
  const size_t end = rest.find('\n');
  if (end == std::string_view::npos) {
    return false;
  }
  line = rest.substr(0, end);
  if (!line.empty() && line.back() == '\r') {
    line.remove_suffix(1);
  }
  rest.remove_prefix(end + 1);
  return true;
}

struct Field {
  std::string_view name;
  std::string_view value;
};

enum class FieldOutcome : uint8_t { kField, kEnd, kNeedMore };

// The next field, its folded lines included. A line that is no field is passed over.
FieldOutcome TakeField(std::string_view& rest, Field& field) {
  for (;;) {
    std::string_view line;
    if (!TakeLine(rest, line)) {
      return FieldOutcome::kNeedMore;
    }
    if (line.empty()) {
      return FieldOutcome::kEnd;
    }
    const char* const begin = line.data();
    while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t')) {
      std::string_view folded;
      if (!TakeLine(rest, folded)) {
        return FieldOutcome::kNeedMore;
      }
      line = {begin, static_cast<size_t>(folded.data() + folded.size() - begin)};
    }
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos && colon > 0) {
      field = {Trim(line.substr(0, colon)), Trim(line.substr(colon + 1))};
      return FieldOutcome::kField;
    }
  }
}

// Calls visit with each trimmed element of a comma-separated list.
template <typename Visit>
void ForEachElement(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    visit(Trim(list.substr(0, comma)));
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
}

std::optional<uint64_t> ParseLength(std::string_view digits) {
  // 18 digits always fit into 64 bits; a longer length is not of this world.
  if (digits.empty() || digits.size() > 18 || !std::all_of(digits.begin(), digits.end(), IsDigit)) {
    return std::nullopt;
  }
  uint64_t value = 0;
  for (const char c : digits) {
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  return value;
}

// The fields that requests and responses share.
struct Framing {
  std::optional<uint64_t> length;
  bool length_valid = true;
  bool transfer_encoding = false;
  bool chunked = false;  // the last coding is chunked
  bool close = false;
  bool keep_alive = false;
};

// Lists of one repeated length are allowed (RFC 9112, 6.3); different lengths are not.
void ReadLength(std::string_view value, Framing& framing) {
  if (value.empty()) {
    framing.length_valid = false;
  }
  ForEachElement(value, [&framing](std::string_view element) {
    const auto length = ParseLength(element);
    if (!length || (framing.length && *framing.length != *length)) {
      framing.length_valid = false;
    }
    framing.length = length;
  });
}

void ReadSharedField(const Field& field, Framing& framing) {
  switch (field.name.size()) {
    case 10:
      if (EqualsIgnoreCase(field.name, "connection")) {
        ForEachElement(field.value, [&framing](std::string_view option) {
          framing.close |= EqualsIgnoreCase(option, "close");
          framing.keep_alive |= EqualsIgnoreCase(option, "keep-alive");
        });
      }
      break;
    case 14:
      if (EqualsIgnoreCase(field.name, "content-length")) {
        ReadLength(field.value, framing);
      }
      break;
    case 17:
      if (EqualsIgnoreCase(field.name, "transfer-encoding")) {
        framing.transfer_encoding = true;
        ForEachElement(field.value, [&framing](std::string_view coding) {
          framing.chunked = EqualsIgnoreCase(coding, "chunked");
        });
      }
      break;
    default:
      break;
  }
}

// The authority of an absolute-form target ("http://user@host:port/path"), else empty.
std::string_view AbsoluteAuthority(std::string_view target) {
  const size_t scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos || scheme == 0) {
    return {};
  }
  std::string_view authority = target.substr(scheme + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  const size_t user = authority.rfind('@');
  return user == std::string_view::npos ? authority : authority.substr(user + 1);
}

// A line whose end has not been captured: what is there must agree with "METHOD target HTTP/1.".
ParseOutcome ReadCutRequestLine(std::string_view line, RequestHead& head) {
  const size_t space = line.find(' ');
  if (space == std::string_view::npos) {
    // A CR that ends the capture may be half of a line end, but no method is followed by one.
    return line.size() <= kMaxMethod && IsToken(line) ? ParseOutcome::kNeedMore
                                                      : ParseOutcome::kNotHttp;
  }
  if (space == 0 || space > kMaxMethod || !IsToken(line.substr(0, space))) {
    return ParseOutcome::kNotHttp;
  }
  head.method = line.substr(0, space);
  std::string_view rest = Trim(line.substr(space));
  const size_t last = rest.rfind(' ');
  if (last != std::string_view::npos && AgreesWith(rest.substr(last + 1), kVersionPrefix)) {
    rest = Trim(rest.substr(0, last));
  }
  head.target = rest;
  return ParseOutcome::kNeedMore;
}

ParseOutcome ReadRequestLine(std::string_view line, RequestHead& head) {
  const size_t space = line.find(' ');
  if (space == 0 || space == std::string_view::npos || space > kMaxMethod ||
      !IsToken(line.substr(0, space))) {
    return ParseOutcome::kNotHttp;
  }
  std::string_view target = Trim(line.substr(space));
  const size_t last = target.rfind(' ');
  std::string_view version = kSimpleVersion;
  if (last != std::string_view::npos) {
    version = target.substr(last + 1);
    target = Trim(target.substr(0, last));
  }
  // HTTP/0.9 is recognized only in its one form, "GET /path": "SET key value" is something else.
  if (last == std::string_view::npos ? line.substr(0, space) != "GET" || !target.starts_with('/')
                                     : !IsVersion(version)) {
    return ParseOutcome::kNotHttp;
  }
  head.method = line.substr(0, space);
  head.target = target;
  head.version = version;
  head.host = head.method == "CONNECT" ? target : AbsoluteAuthority(target);
  return ParseOutcome::kSuccess;
}

void ReadRequestField(const Field& field, bool host_known, RequestHead& head) {
  switch (field.name.size()) {
    case 4:
      if (!host_known && head.host.empty() && EqualsIgnoreCase(field.name, "host")) {
        head.host = field.value;
      }
      break;
    case 6:
      if (EqualsIgnoreCase(field.name, "expect")) {
        head.expect_continue = EqualsIgnoreCase(field.value, "100-continue");
      }
      break;
    case 7:
      head.upgrade |= EqualsIgnoreCase(field.name, "upgrade");
      break;
    default:
      break;
  }
}

// A line whose end has not been captured.
ParseOutcome ReadCutStatusLine(std::string_view line, ResponseHead& head) {
  constexpr size_t kDigits = kVersionPrefix.size() + 2;  // where the status begins
  if (!AgreesWith(line, kVersionPrefix) ||
      (line.size() > kVersionPrefix.size() && !IsDigit(line[kVersionPrefix.size()])) ||
      (line.size() >= kDigits && line[kDigits - 1] != ' ')) {
    return ParseOutcome::kNotHttp;
  }
  const std::string_view digits =
      line.size() > kDigits ? line.substr(kDigits, 3) : std::string_view{};
  if (!std::all_of(digits.begin(), digits.end(), IsDigit)) {
    return ParseOutcome::kNotHttp;
  }
  if (digits.size() == 3) {
    const int32_t status = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
    const std::string_view after = line.substr(kDigits + 3);
    if (status < 100 || (!after.empty() && !IsSpace(after.front()))) {
      return ParseOutcome::kNotHttp;
    }
    head.status = status;
    head.version = line.substr(0, kVersionPrefix.size() + 1);
  }
  return ParseOutcome::kNeedMore;
}

void SetResponseFraming(const Framing& framing, std::string_view method, ResponseHead& head) {
  head.close = framing.close;
  head.keep_alive = framing.keep_alive;
  const bool tunnel = method == "CONNECT" && head.status >= 200 && head.status < 300;
  if (head.status < 200 || head.status == 204 || head.status == 304 || method == "HEAD" || tunnel) {
    head.framing = BodyFraming::kNone;
  } else if (framing.chunked) {
    head.framing = BodyFraming::kChunked;
  } else if (framing.length && !framing.transfer_encoding) {
    head.framing = BodyFraming::kLength;
    head.content_length = *framing.length;
  } else {
    head.framing = BodyFraming::kUntilClose;
  }
}

// "text/html" of "text/html; charset=utf-8".
std::string_view MediaTypeOf(std::string_view value) {
  value = value.substr(0, value.find(';'));
  while (value.ends_with(' ') || value.ends_with('\t')) {
    value.remove_suffix(1);
  }
  return value;
}

}  // namespace

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return Lower(x) == Lower(y); });
}

HeadParse ParseRequestHead(std::string_view bytes, RequestHead& head) {
  head = {};
  std::string_view rest = bytes;
  while (!rest.empty() && (rest.front() == '\r' || rest.front() == '\n')) {
    rest.remove_prefix(1);
  }
  std::string_view line;
  if (!TakeLine(rest, line)) {
    return {rest.empty() ? ParseOutcome::kNeedMore : ReadCutRequestLine(rest, head), 0};
  }
  if (const auto outcome = ReadRequestLine(line, head); outcome != ParseOutcome::kSuccess) {
    return {outcome, 0};
  }
  if (head.version == kSimpleVersion) {
    return {ParseOutcome::kSuccess, bytes.size() - rest.size()};
  }
  Framing framing;
  Field field;
  FieldOutcome outcome = FieldOutcome::kField;
  const bool host_known = !head.host.empty();
  while ((outcome = TakeField(rest, field)) == FieldOutcome::kField) {
    ReadSharedField(field, framing);
    ReadRequestField(field, host_known, head);
  }
  head.chunked = framing.chunked;
  head.content_length = framing.transfer_encoding ? std::nullopt : framing.length;
  head.close = framing.close;
  head.keep_alive = framing.keep_alive;
  if (!framing.length_valid ||
      (framing.transfer_encoding && !framing.chunked && outcome == FieldOutcome::kEnd)) {
    return {ParseOutcome::kInvalid, 0};
  }
  if (outcome == FieldOutcome::kNeedMore) {
    return {ParseOutcome::kNeedMore, 0};
  }
  return {ParseOutcome::kSuccess, bytes.size() - rest.size()};
}

HeadParse ParseResponseHead(std::string_view bytes, std::string_view method, ResponseHead& head) {
  head = {};
  std::string_view rest = bytes;
  std::string_view line;
  if (!TakeLine(rest, line)) {
    return {ReadCutStatusLine(bytes, head), 0};
  }
  if (ReadCutStatusLine(line, head) == ParseOutcome::kNotHttp || head.status == 0) {
    return {ParseOutcome::kNotHttp, 0};
  }
  Framing framing;
  Field field;
  FieldOutcome outcome = FieldOutcome::kField;
  while ((outcome = TakeField(rest, field)) == FieldOutcome::kField) {
    ReadSharedField(field, framing);
    if (EqualsIgnoreCase(field.name, "content-type")) {
      head.media_type = MediaTypeOf(field.value);
    }
  }
  if (!framing.length_valid) {
    return {ParseOutcome::kInvalid, 0};
  }
  if (outcome == FieldOutcome::kNeedMore) {
    return {ParseOutcome::kNeedMore, 0};
  }
  SetResponseFraming(framing, method, head);
  return {ParseOutcome::kSuccess, bytes.size() - rest.size()};
}

std::optional<std::string_view> FindField(std::string_view head, std::string_view name) {
  std::string_view line;
  std::string_view rest = head;
  while (!rest.empty() && (rest.front() == '\r' || rest.front() == '\n')) {
    rest.remove_prefix(1);
  }
  if (!TakeLine(rest, line)) {
    return std::nullopt;
  }
  Field field;
  while (TakeField(rest, field) == FieldOutcome::kField) {
    if (EqualsIgnoreCase(field.name, name)) {
      return field.value;
    }
  }
  return std::nullopt;
}

}  // namespace pinfo
