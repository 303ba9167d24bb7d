// The command that makes shells complete the others.

import type { CommandRow } from "../../options.ts";
import { shells } from "./shells.ts";

export const completionRows: readonly CommandRow[] = [
  {
    name: "completion",
    arguments: [{ name: "<shell>", text: "bash, zsh or fish", completes: shells }],
    text: "print what makes a shell complete commands, options, and the names of topics and groups",
    options: [],
    examples: [
      ["source <(brooklet completion bash)", "bash: this line in ~/.bashrc"],
      ["source <(brooklet completion zsh)", "zsh: this line in ~/.zshrc"],
      ["brooklet completion fish > ~/.config/fish/completions/brooklet.fish", "fish: once"],
    ],
    load: () => import("./print.ts"),
  },
];
