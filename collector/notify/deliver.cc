#include "collector/notify/deliver.h"

#include <array>
#include <cstdlib>

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/base/read_all.h"
#include "collector/base/run_command.h"
#include "collector/notify/mail_text.h"
#include "collector/notify/transfer.h"

namespace pinfo {
namespace {

std::string HostName() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

// What a command wrote on its way to failing, on one line.
std::string Shortened(std::string text) {
  text = text.substr(0, 200);
  for (char& c : text) {
    c = c == '\n' ? ' ' : c;
  }
  return text;
}

Status Run(const CommandRequest& request, const std::string& what) {
  const Result<CommandOutcome> outcome = RunCommand(request);
  if (!outcome) {
    return Fail(what + ": " + outcome.error().message);
  }
  if (WIFEXITED(outcome->status) && WEXITSTATUS(outcome->status) == 0) {
    return {};
  }
  return Fail(fmt::format("{}: {}: {}", what,
                          WIFSIGNALED(outcome->status)
                              ? fmt::format("killed by signal {}", WTERMSIG(outcome->status))
                              : fmt::format("exited with {}", WEXITSTATUS(outcome->status)),
                          Shortened(outcome->errors + outcome->output)));
}

Status DeliverMail(const Delivery& delivery, const Message& message) {
  const MailSettings& mail = delivery.configuration.mail;
  MailEnvelope envelope;
  envelope.from = mail.from.empty() ? "pinfo@" + HostName() : mail.from;
  envelope.to = delivery.person.mail;
  envelope.wall_ns = delivery.wall_ns;
  envelope.message_id = fmt::format("pinfo.{}.{}@{}", delivery.id, delivery.wall_ns, HostName());
  const std::string text = MailText(envelope, message);
  if (mail.smtp.empty()) {
    CommandRequest request;
    // -i: a line with a dot alone does not end the mail. Line ends as Unix has them.
    request.arguments = {mail.sendmail, "-i", "-f", envelope.from, "--", envelope.to};
    for (const char c : text) {
      if (c != '\r') {
        request.input += c;
      }
    }
    request.timeout_ns = delivery.configuration.notify.timeout_ns;
    request.stop = delivery.stop;
    return Run(request, mail.sendmail);
  }
  SmtpAccount account{.url = mail.smtp,
                      .starttls = mail.starttls,
                      .user = mail.user,
                      .password = {},
                      .ca_file = mail.ca_file};
  if (!mail.password.empty()) {
    Result<std::string> password = ReadSecret(mail.password);
    if (!password) {
      return tl::unexpected(password.error());
    }
    account.password = std::move(*password);
  }
  return SendSmtp(account, envelope.from, envelope.to, text,
                  {.timeout_ns = delivery.configuration.notify.timeout_ns, .stop = delivery.stop});
}

Status DeliverWebhook(const Delivery& delivery, const Message& message) {
  std::string url = delivery.person.webhook;
  std::string token;
  if (!delivery.person.webhook_secret.empty()) {
    Result<std::string> secret = ReadSecret(delivery.person.webhook_secret);
    if (!secret) {
      return tl::unexpected(secret.error());
    }
    url = std::move(*secret);
  }
  if (!delivery.person.webhook_token.empty()) {
    Result<std::string> secret = ReadSecret(delivery.person.webhook_token);
    if (!secret) {
      return tl::unexpected(secret.error());
    }
    token = std::move(*secret);
  }
  return PostJson(url, token, message.json,
                  {.timeout_ns = delivery.configuration.notify.timeout_ns, .stop = delivery.stop});
}

Status DeliverCommand(const Delivery& delivery, const Message& message) {
  CommandRequest request;
  request.arguments = delivery.person.command;
  request.environment = {{"PINFO_KIND", message.kind},
                         {"PINFO_PERSON", delivery.person.name},
                         {"PINFO_SUBJECT", message.subject}};
  request.input = message.json + "\n";
  request.timeout_ns = delivery.configuration.notify.timeout_ns;
  request.stop = delivery.stop;
  return Run(request, "the command");
}

}  // namespace

Result<std::string> ReadSecret(const SecretPlace& place) {
  std::string secret;
  if (!place.environment.empty()) {
    const char* value = std::getenv(place.environment.c_str());
    if (value == nullptr || *value == '\0') {
      return Fail(fmt::format("the environment has no {}", place.environment));
    }
    secret = value;
  } else {
    struct stat status {};
    if (stat(place.file.c_str(), &status) != 0) {
      return FailErrno(place.file);
    }
    if (S_ISREG(status.st_mode) && (status.st_mode & S_IROTH) != 0) {
      return Fail(place.file + ": everybody may read this secret; chmod 600 it");
    }
    secret = ReadAll(place.file);
    if (secret.empty()) {
      return Fail(place.file + ": cannot be read, or is empty");
    }
  }
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) {
    secret.pop_back();
  }
  if (secret.find_first_of("\r\n") != std::string::npos) {
    return Fail((place.file.empty() ? place.environment : place.file) + ": has several lines");
  }
  return secret;
}

Status Deliver(const Delivery& delivery, const Message& message) {
  if (delivery.channel == "mail") {
    return DeliverMail(delivery, message);
  }
  if (delivery.channel == "webhook") {
    return DeliverWebhook(delivery, message);
  }
  return DeliverCommand(delivery, message);
}

}  // namespace pinfo
