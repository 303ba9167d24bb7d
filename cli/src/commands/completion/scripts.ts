// What each shell is given: a function that hands over the words typed so far to `brooklet __complete` and offers what it says.
// Everything about commands and options is there, not here: a new brooklet needs no new script.
// Invariant: whatever goes wrong (no brooklet, no broker), the shell offers nothing and prints nothing.
//
// `brooklet __complete` answers with lines: `value<TAB>what it is`, or `:files` where a file is expected.

import type { Shell } from "./shells.ts";

/**
 * The script. `command` is how brooklet was started (program and arguments), for where no `brooklet` is on the path: a checkout, npx.
 */
export function completionScript(shell: Shell, command: readonly string[]): string {
  return { bash, zsh, fish }[shell](command.map((word) => quoted(word, shell)).join(" "));
}

/** In single quotes as the shell reads them. */
function quoted(word: string, shell: Shell): string {
  if (/^[\w./:@%+-]+$/.test(word)) return word;
  return shell === "fish"
    ? `'${word.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`
    : `'${word.replaceAll("'", "'\\''")}'`;
}

// COMP_LINE and not COMP_WORDS: bash takes words apart at ":" and "=", and puts only the last part in place of what it completes.
const bash = (command: string) => `# brooklet: completion for bash. In ~/.bashrc: source <(brooklet completion bash)
__brooklet_run() {
  if type -P brooklet >/dev/null; then command brooklet "$@"; else ${command} "$@"; fi
}
_brooklet() {
  local line value typed="\${COMP_LINE:0:COMP_POINT}" word="\${COMP_WORDS[COMP_CWORD]}" IFS=$'\\n'
  COMPREPLY=()
  for line in $(__brooklet_run __complete --line "$typed" 2>/dev/null </dev/null); do
    if [[ $line == :files ]]; then
      type compopt &>/dev/null && compopt -o filenames
      COMPREPLY=($(compgen -f -- "$word"))
      return
    fi
    value="\${line%%$'\\t'*}"
    # After --option=, bash completes what follows the sign.
    [[ $value == *=* && $word != *=* ]] && value="\${value#*=}"
    COMPREPLY+=("$value")
  done
  # A value that goes on, such as --set name=, takes no space behind it.
  [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -F _brooklet brooklet
`;

const zsh = (command: string) => `#compdef brooklet
# brooklet: completion for zsh. In ~/.zshrc: source <(brooklet completion zsh)
__brooklet_run() {
  if (( $+commands[brooklet] )); then command brooklet "$@"; else ${command} "$@"; fi
}
_brooklet() {
  local line
  local -a offers
  for line in "\${(@f)$(__brooklet_run __complete -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null </dev/null)}"; do
    if [[ $line == :files ]]; then
      compset -P '--*='
      _files
      return
    fi
    [[ -n $line ]] && offers+=("\${\${line//:/\\\\:}/$'\\t'/:}")
  done
  (( $#offers )) && _describe -V brooklet offers
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
compdef _brooklet brooklet
`;

const fish = (command: string) => `# brooklet: completion for fish. In ~/.config/fish/completions/brooklet.fish
function __brooklet_run
    if command -sq brooklet
        command brooklet $argv
    else
        ${command} $argv
    end
end
function __brooklet_complete
    set -l typed (commandline -opc)
    set -l word (commandline -ct)
    for line in (__brooklet_run __complete -- $typed[2..-1] "$word" 2>/dev/null </dev/null)
        if test "$line" = :files
            __fish_complete_path "$word"
            return
        end
        echo $line
    end
end
complete -c brooklet -f -a '(__brooklet_complete)'
`;
