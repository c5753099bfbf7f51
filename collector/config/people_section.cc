#include <array>
#include <charconv>

#include <fmt/format.h>

#include "collector/config/sections.h"

namespace pinfo {
namespace {

// What RFC 5321 lets an address be, as far as a typing error is concerned. Nothing that a header or
// an SMTP command could be broken out of.
bool IsMailAddress(const std::string& text) {
  const size_t at = text.rfind('@');
  if (at == std::string::npos || at == 0 || at + 1 == text.size() || text.size() > 254) {
    return false;
  }
  return text.find_first_of(" \t<>()[],;:\"\\") == std::string::npos;
}

std::optional<std::string> ReadAddress(TableReader& reader, const char* key) {
  std::optional<std::string> address = reader.Text(key);
  if (address && !IsMailAddress(*address)) {
    reader.Complain(key, fmt::format("'{}' is not a mail address, as ann@example.org", *address));
    return std::nullopt;
  }
  return address;
}

// KEY_file and KEY_env. The secret itself in the file would be read by everybody who may read it,
// and end in backups and version control.
SecretPlace ReadSecret(TableReader& reader, const std::string& key) {
  SecretPlace place{.file = reader.Text(key + "_file").value_or(""),
                    .environment = reader.Text(key + "_env").value_or("")};
  if (!place.file.empty() && !place.environment.empty()) {
    reader.Complain(key + "_env", fmt::format("{0}_file and {0}_env exclude each other", key));
  }
  return place;
}

bool IsUrl(const std::string& text, std::initializer_list<std::string_view> schemes) {
  for (const std::string_view scheme : schemes) {
    if (text.starts_with(scheme) && text.size() > scheme.size()) {
      return text.find(' ') == std::string::npos;
    }
  }
  return false;
}

// "07:30": minutes after midnight.
std::optional<int32_t> ParseTimeOfDay(const std::string& text) {
  int hour = 0;
  int minute = 0;
  if (text.size() != 5 || text[2] != ':' ||
      std::from_chars(text.data(), text.data() + 2, hour).ptr != text.data() + 2 ||
      std::from_chars(text.data() + 3, text.data() + 5, minute).ptr != text.data() + 5 ||
      hour < 0 || hour > 23 || minute < 0 || minute > 59) {
    return std::nullopt;
  }
  return hour * 60 + minute;
}

}  // namespace

void ReadPerson(const toml::table& table, Declared& declared, Problems& problems,
                Configuration& configuration) {
  TableReader reader(table, "person", problems);
  Person person;
  if (const std::optional<std::string> name = reader.Name("name")) {
    person.name = *name;
    reader.Rename("person '" + *name + "'");
    Declare(declared.people, *name, reader);
  } else if (!reader.Has("name")) {
    reader.Complain("", "has no name");
  }
  person.mail = ReadAddress(reader, "mail").value_or("");
  if (const auto url = reader.Text("webhook")) {
    person.webhook = *url;
    if (!IsUrl(*url, {"https://", "http://"})) {
      reader.Complain("webhook", "webhook must be a URL, as https://example.org/hook");
    }
  }
  person.webhook_secret = ReadSecret(reader, "webhook");
  person.webhook_token = ReadSecret(reader, "webhook_token");
  if (!person.webhook.empty() && !person.webhook_secret.empty()) {
    reader.Complain("webhook", "webhook, webhook_file and webhook_env exclude each other");
  }
  if (auto command = reader.Command("command")) {
    person.command = std::move(*command);
  }
  const std::array modes{NotifyMode::kNone, NotifyMode::kInstant, NotifyMode::kDigest};
  if (const auto mode = reader.Choice("mode", {"none", "instant", "digest"})) {
    person.mode = modes[*mode];
  }
  const bool reachable = reader.Has("mail") || reader.Has("webhook") || reader.Has("command") ||
                         !person.webhook_secret.empty();
  if (!reachable) {
    reader.Complain("", "cannot be reached: give mail, webhook or command");
  }
  reader.Finish();
  configuration.people.push_back(std::move(person));
}

void ReadMail(const toml::table& table, Problems& problems, MailSettings& mail) {
  TableReader reader(table, "[mail]", problems);
  mail.smtp = reader.Text("smtp").value_or("");
  if (!mail.smtp.empty() && !IsUrl(mail.smtp, {"smtp://", "smtps://"})) {
    reader.Complain("smtp", "smtp must be as \"smtp://mail.example.org:587\" or \"smtps://...\"");
  }
  if (mail.smtp.find('@') != std::string::npos) {
    reader.Complain("smtp", "no user or password here: give user and password_file");
  }
  mail.sendmail = reader.Text("sendmail").value_or(mail.sendmail);
  if (reader.Has("smtp") && reader.Has("sendmail")) {
    reader.Complain("sendmail", "smtp and sendmail exclude each other");
  }
  mail.from = ReadAddress(reader, "from").value_or("");
  const std::array uses{TlsUse::kRequired, TlsUse::kOpportunistic, TlsUse::kNever};
  if (const auto use = reader.Choice("starttls", {"required", "opportunistic", "never"})) {
    mail.starttls = uses[*use];
  }
  mail.user = reader.Text("user").value_or("");
  mail.password = ReadSecret(reader, "password");
  if (mail.user.empty() != mail.password.empty()) {
    reader.Complain("user", "user and password_file (or password_env) belong together");
  }
  mail.ca_file = reader.Text("ca_file").value_or("");
  reader.Finish();
}

void ReadNotify(const toml::table& table, Problems& problems, NotifySettings& notify) {
  TableReader reader(table, "[notify]", problems);
  constexpr int64_t kYearNs = int64_t{366} * 86'400 * kSecondNs;
  notify.delay_ns = reader.Duration("delay", kSecondNs, kYearNs).value_or(notify.delay_ns);
  notify.timeout_ns =
      reader.Duration("timeout", kSecondNs, 600 * kSecondNs).value_or(notify.timeout_ns);
  notify.when_worse = reader.Flag("when_worse").value_or(false);
  if (const auto text = reader.Text("digest_at")) {
    notify.digest_minute = ParseTimeOfDay(*text);
    if (!notify.digest_minute) {
      reader.Complain("digest_at", "digest_at must be a time of day, as \"07:30\"");
    }
  }
  reader.Finish();
}

}  // namespace pinfo
