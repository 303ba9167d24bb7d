// The files of a folder as tests compare them.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Every file below, by its path from there, with its content byte for byte. */
export function filesOf(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(folder.length), readFileSync(path, "latin1")]),
  );
}
