// pinfo completion: scripts that complete its commands and options in a shell.
#include "cli/completion.h"

#include <memory>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/profile_input.h"

namespace pinfo::cli {
namespace {

struct OptionText {
  std::string name;  // "--hz"
  std::string description;
  bool takes_value = false;
};

std::vector<OptionText> OptionsOf(const CLI::App& app) {
  std::vector<OptionText> options;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      options.push_back({.name = "--" + name,
                         .description = option->get_description(),
                         .takes_value = option->get_items_expected_max() > 0});
    }
  }
  return options;
}

std::vector<const CLI::App*> CommandsOf(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

// text with a backslash before each of these characters.
std::string Escaped(std::string_view text, std::string_view characters) {
  std::string escaped;
  for (const char c : text) {
    if (characters.find(c) != std::string_view::npos) {
      escaped += '\\';
    }
    escaped += c;
  }
  return escaped;
}

// As a word of zsh in single quotes; [ ] and : mean something to _arguments and _describe.
std::string ZshText(std::string_view text) {
  std::string quoted;
  for (const char c : Escaped(text, "[]:\\")) {
    quoted += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return quoted;
}

std::string BashWords(const CLI::App& command, const CLI::App& app) {
  std::string words;
  for (const CLI::App* each : {&command, &app}) {
    for (const OptionText& option : OptionsOf(*each)) {
      if (words.find(option.name + " ") == std::string::npos) {  // --help is everybody's
        words += option.name + " ";
      }
    }
  }
  return words;
}

std::string CommandNames(const CLI::App& app) {
  std::string names;
  for (const CLI::App* command : CommandsOf(app)) {
    names += command->get_name() + " ";
  }
  return names;
}

std::string ZshArguments(const CLI::App& command, const CLI::App& app) {
  std::string text = "      _arguments";
  for (const CLI::App* each : {&command, &app}) {
    for (const OptionText& option : OptionsOf(*each)) {
      text += fmt::format(" \\\n        '{}[{}]{}'", option.name, ZshText(option.description),
                          option.takes_value ? ":value:_files" : "");
    }
  }
  return text + " \\\n        '*:argument:_files'\n";
}

std::string FishOption(const OptionText& option, const std::string& condition) {
  return fmt::format("complete -c pinfo -n '{}' -l {}{} -d '{}'\n", condition,
                     option.name.substr(2), option.takes_value ? " -r" : "",
                     Escaped(option.description, "'\\"));
}

void RunCompletion(const CLI::App& app, const std::string& shell) {
  PrintAll(shell == "bash"  ? BashCompletion(app)
           : shell == "zsh" ? ZshCompletion(app)
                            : FishCompletion(app));
}

}  // namespace

std::string BashCompletion(const CLI::App& app) {
  std::string text =
      "# pinfo's completion for bash; `source` it, or keep it in\n"
      "# /usr/share/bash-completion/completions/pinfo.\n"
      "_pinfo() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} command= word words=\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case \" " +
      CommandNames(app) +
      "\" in *\" $word \"*) command=$word; break ;; esac\n"
      "  done\n"
      "  COMPREPLY=()\n"
      "  case $command in\n";
  for (const CLI::App* command : CommandsOf(app)) {
    text += fmt::format("    {})\n      if [[ $current == -* ]]; then\n        words='{}'\n",
                        command->get_name(), BashWords(*command, app));
    if (const std::string nested = CommandNames(*command); !nested.empty()) {
      text += fmt::format("      else\n        words='{}'\n", nested);
    }
    text += "      fi ;;\n";
  }
  text += fmt::format(
      "    *)\n      if [[ $current == -* ]]; then\n        words='{}'\n      else\n"
      "        words='{}'\n      fi ;;\n",
      BashWords(app, app), CommandNames(app));
  return text +
         "  esac\n"
         "  # Files where there is nothing else to say.\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
         "}\n"
         "complete -o default -F _pinfo pinfo\n";
}

std::string ZshCompletion(const CLI::App& app) {
  std::string text = "#compdef pinfo\n_pinfo() {\n  local -a commands nested\n  commands=(\n";
  for (const CLI::App* command : CommandsOf(app)) {
    text += fmt::format("    '{}:{}'\n", command->get_name(), ZshText(command->get_description()));
  }
  text +=
      "  )\n"
      "  if (( CURRENT == 2 )); then\n"
      "    _describe command commands\n"
      "    return\n"
      "  fi\n"
      "  case $words[2] in\n";
  for (const CLI::App* command : CommandsOf(app)) {
    text += fmt::format("    {})\n", command->get_name());
    if (!CommandsOf(*command).empty()) {
      text += "      if (( CURRENT == 3 )); then\n        nested=(\n";
      for (const CLI::App* each : CommandsOf(*command)) {
        text +=
            fmt::format("          '{}:{}'\n", each->get_name(), ZshText(each->get_description()));
      }
      text += "        )\n        _describe command nested\n        return\n      fi\n";
    }
    text += ZshArguments(*command, app) + "      ;;\n";
  }
  return text + "  esac\n}\n_pinfo \"$@\"\n";
}

std::string FishCompletion(const CLI::App& app) {
  std::string text = "# pinfo's completion for fish.\n";
  for (const CLI::App* command : CommandsOf(app)) {
    text += fmt::format("complete -c pinfo -n __fish_use_subcommand -f -a {} -d '{}'\n",
                        command->get_name(), Escaped(command->get_description(), "'\\"));
  }
  for (const OptionText& option : OptionsOf(app)) {
    text += FishOption(option, "true");
  }
  for (const CLI::App* command : CommandsOf(app)) {
    const std::string condition = "__fish_seen_subcommand_from " + command->get_name();
    for (const CLI::App* each : CommandsOf(*command)) {
      text += fmt::format("complete -c pinfo -n '{}' -f -a {} -d '{}'\n", condition,
                          each->get_name(), Escaped(each->get_description(), "'\\"));
    }
    for (const OptionText& option : OptionsOf(*command)) {
      if (option.name != "--help") {
        text += FishOption(option, condition);
      }
    }
  }
  return text;
}

void RegisterCompletion(CLI::App& app) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "completion", "A script that completes commands and options in bash, zsh or fish");
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer("In bash: source <(pinfo completion bash)");
  command->callback([&app, shell] { RunCompletion(app, *shell); });
}

}  // namespace pinfo::cli
