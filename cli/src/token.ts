// The token by which commands show who they are: from a file, never from the command line, where every process could read it.

import { readFileSync } from "node:fs";
import type { Call } from "./call.ts";
import { UsageError } from "./exits.ts";

/** The first token of `--token-file` or BROOKLET_TOKEN_FILE; undefined without one. The form is the broker's: one a line, # comments. */
export function tokenOf({ options, env }: Pick<Call, "options" | "env">): string | undefined {
  const path = options.text("tokenFile") ?? env.BROOKLET_TOKEN_FILE;
  return path === undefined || path === "" ? undefined : readToken(path);
}

/** Errors: UsageError when there is none. No message repeats what stands in the file. */
export function readToken(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(`--token-file ${path} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
  const token = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .find((line) => line !== "" && !line.startsWith("#"));
  if (token === undefined) throw new UsageError(`--token-file ${path} holds no token`);
  return token;
}
