// Mail and webhooks over the network: the one place that uses libcurl.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "collector/base/result.h"
#include "collector/config/configuration.h"

namespace pinfo {

struct TransferLimits {
  int64_t timeout_ns = 0;
  const std::atomic<bool>* stop = nullptr;
};

struct SmtpAccount {
  std::string url;
  TlsUse starttls = TlsUse::kRequired;
  std::string user;  // empty: no login
  std::string password;
  std::string ca_file;
};

// Succeeds once the server has taken the mail.
Status SendSmtp(const SmtpAccount& account, const std::string& from, const std::string& to,
                const std::string& mail, const TransferLimits& limits);

// Succeeds at a status from 200 to 299. Redirections are not followed: they would take the body to
// somebody else.
Status PostJson(const std::string& url, const std::string& bearer, const std::string& json,
                const TransferLimits& limits);

}  // namespace pinfo
