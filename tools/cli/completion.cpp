#include <fmt/format.h>

#include <memory>

#include "tools/cli/kinds.h"
#include "tools/cli/verbs.h"

namespace byway::cli {

namespace {

/// All verbs with their options, read from the parser itself, so that the script cannot fall behind it.
std::string verbs_of(const CLI::App& app) {
  std::string names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    names += (names.empty() ? "" : " ") + verb->get_name();
  }
  return names;
}

std::string options_of(const CLI::App& app) {
  std::string names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names += (names.empty() ? "--" : " --") + name;
  }
  return names;
}

std::string kind_words() {
  std::string words;
  for (const Kind& kind : all_kinds()) words += fmt::format("{}{}", words.empty() ? "" : " ", kind.plural);
  return words;
}

std::string bash_script(const CLI::App& app) {
  std::string cases;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    cases +=
        fmt::format("    {}) options=\"{} {}\" ;;\n", verb->get_name(), options_of(*verb), options_of(app));
  }
  return fmt::format(R"(# bash completion for byway: source <(byway completion bash)
_byway() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} verb= options= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case " {0} " in *" ${{COMP_WORDS[i]}} "*) verb=${{COMP_WORDS[i]}}; break ;; esac
  done
  case $previous in
    -f | --filename | --write | --node | --token-file | --ca-file) COMPREPLY=($(compgen -f -- "$word")); return ;;
    -o | --output) COMPREPLY=($(compgen -W "table json yaml" -- "$word")); return ;;
    get | describe | delete) COMPREPLY=($(compgen -W "{1}" -- "$word")); return ;;
    completion) COMPREPLY=($(compgen -W "bash zsh" -- "$word")); return ;;
  esac
  case $verb in
    "") COMPREPLY=($(compgen -W "{0} {2}" -- "$word")); return ;;
{3}  esac
  COMPREPLY=($(compgen -W "$options" -- "$word"))
}}
complete -o filenames -F _byway byway
)",
                     verbs_of(app), kind_words(), options_of(app), cases);
}

}  // namespace

void add_completion(CLI::App& app, Context& context) {
  auto shell = std::make_shared<std::string>();
  CLI::App* verb =
      app.add_subcommand("completion", "print a completion script: source <(byway completion bash)");
  verb->add_option("shell", *shell, "bash or zsh")->required()->check(CLI::IsMember({"bash", "zsh"}));
  verb->callback([shell, &app, &context] {
    // zsh runs bash's completions through its own compatibility module.
    if (*shell == "zsh") fmt::print("autoload -U +X bashcompinit && bashcompinit\n");
    fmt::print("{}", bash_script(app));
    context.exit = Exit::ok;
  });
}

}  // namespace byway::cli
