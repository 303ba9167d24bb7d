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
      ["echo 'source <(brooklet completion bash)' >> ~/.bashrc", "bash: for every new shell"],
      ["echo 'source <(brooklet completion zsh)' >> ~/.zshrc", "zsh: for every new shell"],
      ["brooklet completion fish > ~/.config/fish/completions/brooklet.fish", "fish: for every new shell"],
    ],
    load: () => import("./print.ts"),
  },
];
