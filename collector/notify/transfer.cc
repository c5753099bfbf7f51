#include "collector/notify/transfer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <mutex>

#include <curl/curl.h>
#include <fmt/format.h>

namespace pinfo {
namespace {

struct EasyDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Handle = std::unique_ptr<CURL, EasyDeleter>;
using List = std::unique_ptr<curl_slist, ListDeleter>;

constexpr long kConnectMsMax = 10'000;

struct Upload {
  const std::string* text = nullptr;
  size_t at = 0;
};

size_t OnRead(char* buffer, size_t size, size_t count, void* upload) {
  auto* of = static_cast<Upload*>(upload);
  const size_t n = std::min(size * count, of->text->size() - of->at);
  std::memcpy(buffer, of->text->data() + of->at, n);
  of->at += n;
  return n;
}

size_t OnAnswer(char*, size_t size, size_t count, void*) { return size * count; }

int OnProgress(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return stop != nullptr && *static_cast<const std::atomic<bool>*>(stop) ? 1 : 0;
}

class Transfer {
 public:
  Transfer(const std::string& url, const TransferLimits& limits) {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    handle_.reset(curl_easy_init());
    const auto timeout_ms = static_cast<long>(limits.timeout_ns / 1'000'000);
    Set(CURLOPT_URL, url.c_str());
    Set(CURLOPT_NOSIGNAL, 1L);
    Set(CURLOPT_TIMEOUT_MS, timeout_ms);
    Set(CURLOPT_CONNECTTIMEOUT_MS, std::min(timeout_ms, kConnectMsMax));
    Set(CURLOPT_ERRORBUFFER, reason_.data());
    Set(CURLOPT_WRITEFUNCTION, OnAnswer);
    Set(CURLOPT_NOPROGRESS, 0L);
    Set(CURLOPT_XFERINFOFUNCTION, OnProgress);
    Set(CURLOPT_XFERINFODATA, limits.stop);
    Set(CURLOPT_FOLLOWLOCATION, 0L);
  }

  template <typename Value>
  void Set(CURLoption option, Value value) {
    curl_easy_setopt(handle_.get(), option, value);
  }
  void SetText(CURLoption option, const std::string& text) {
    if (!text.empty()) {
      Set(option, text.c_str());
    }
  }

  Status Perform(const std::string& what) {
    const CURLcode code = curl_easy_perform(handle_.get());
    if (code != CURLE_OK) {
      return Fail(fmt::format("{}: {}", what,
                              reason_[0] != '\0' ? reason_.data() : curl_easy_strerror(code)));
    }
    return {};
  }
  long ResponseCode() {
    long code = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &code);
    return code;
  }

 private:
  Handle handle_;
  std::array<char, CURL_ERROR_SIZE> reason_{};
};

long SslUse(TlsUse use) {
  switch (use) {
    case TlsUse::kRequired:
      return CURLUSESSL_ALL;
    case TlsUse::kOpportunistic:
      return CURLUSESSL_TRY;
    case TlsUse::kNever:
      break;
  }
  return CURLUSESSL_NONE;
}

}  // namespace

Status SendSmtp(const SmtpAccount& account, const std::string& from, const std::string& to,
                const std::string& mail, const TransferLimits& limits) {
  Transfer transfer(account.url, limits);
  const List recipients(curl_slist_append(nullptr, ("<" + to + ">").c_str()));
  Upload upload{.text = &mail, .at = 0};
  transfer.Set(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  transfer.Set(CURLOPT_USE_SSL, SslUse(account.starttls));
  transfer.SetText(CURLOPT_CAINFO, account.ca_file);
  transfer.SetText(CURLOPT_USERNAME, account.user);
  transfer.SetText(CURLOPT_PASSWORD, account.password);
  transfer.Set(CURLOPT_MAIL_FROM, ("<" + from + ">").c_str());
  transfer.Set(CURLOPT_MAIL_RCPT, recipients.get());
  transfer.Set(CURLOPT_READFUNCTION, OnRead);
  transfer.Set(CURLOPT_READDATA, &upload);
  transfer.Set(CURLOPT_UPLOAD, 1L);
  return transfer.Perform(account.url);
}

Status PostJson(const std::string& url, const std::string& bearer, const std::string& json,
                const TransferLimits& limits) {
  Transfer transfer(url, limits);
  List headers(curl_slist_append(nullptr, "Content-Type: application/json"));
  headers.reset(curl_slist_append(headers.release(), "Expect:"));
  if (!bearer.empty()) {
    headers.reset(
        curl_slist_append(headers.release(), ("Authorization: Bearer " + bearer).c_str()));
  }
  transfer.Set(CURLOPT_PROTOCOLS_STR, "http,https");
  transfer.Set(CURLOPT_HTTPHEADER, headers.get());
  transfer.Set(CURLOPT_USERAGENT, "pinfo");
  transfer.Set(CURLOPT_POSTFIELDSIZE, static_cast<long>(json.size()));
  transfer.Set(CURLOPT_POSTFIELDS, json.c_str());
  // The URL may be a secret: it is not named.
  if (Status status = transfer.Perform("webhook"); !status) {
    return status;
  }
  const long code = transfer.ResponseCode();
  return code >= 200 && code < 300 ? Status()
                                   : Fail(fmt::format("webhook: answered with status {}", code));
}

}  // namespace pinfo
