// compose.yaml as far as the tests look into it: by its lines, which are few.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../../contract/house/source-files.ts";

/** Without comments. */
export function composeText(): string {
  return readFileSync(join(repositoryRoot, "compose.yaml"), "utf8").replace(/^\s*#.*\n/gm, "");
}

/** The variables that the service gets. */
export function composeEnvironment(): Record<string, string> {
  const lines = [...composeText().matchAll(/^ {6}(BROOKLET_[A-Z_]+): "?([^"\n]*)"?$/gm)];
  return Object.fromEntries(lines.map(([, name, value]) => [name, value]));
}
