// The parts of a configuration file, each read by a function of its own into the configuration.
#pragma once

#include <map>
#include <string>

#include "collector/config/configuration.h"
#include "collector/config/table_reader.h"

namespace pinfo {

// Where each name was declared first, for messages on the second.
struct Declared {
  std::map<std::string, std::string> metrics;
  std::map<std::string, std::string> monitors;
  std::map<std::string, std::string> people;
  std::map<std::string, std::string> tables;  // [mail] and the like, which may be there once
};

void ReadMetric(const toml::table& table, Declared& declared, Problems& problems,
                Configuration& configuration);
void ReadMonitor(const toml::table& table, Declared& declared, Problems& problems,
                 Configuration& configuration);
void ReadPerson(const toml::table& table, Declared& declared, Problems& problems,
                Configuration& configuration);
void ReadMail(const toml::table& table, Problems& problems, MailSettings& mail);
void ReadNotify(const toml::table& table, Problems& problems, NotifySettings& notify);
void ReadStatsd(const toml::table& table, Problems& problems, StatsdSettings& statsd);

// Notes the name, or complains of a second one.
bool Declare(std::map<std::string, std::string>& names, const std::string& name,
             TableReader& reader);

// "[ADDR:]PORT": whether it is one.
bool IsListenAddress(const std::string& text);

}  // namespace pinfo
