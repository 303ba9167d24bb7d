// The shape of a command's row, and the options that many commands share.

import { type Call, parseInteger } from "./call.ts";
import type { ExitCode } from "./exits.ts";

/** What a shell may offer: names that the broker knows, files, or one of these words, loaded only then. */
export type Completes = "topic" | "group" | "file" | readonly string[] | (() => Promise<readonly string[]>);

export interface OptionRow {
  readonly flags: string;
  readonly text: string;
  readonly parse?: (value: string) => number | string;
  readonly repeatable?: boolean;
  readonly completes?: Completes;
}

export interface ArgumentRow {
  /** `<topic>`, `[file...]`. */
  readonly name: string;
  readonly text: string;
  readonly completes?: Completes;
}

export interface CommandRow {
  /** One or two words: `produce`, `topics create`. */
  readonly name: string;
  readonly arguments: readonly ArgumentRow[];
  readonly text: string;
  readonly options: readonly OptionRow[];
  /** Lines to copy, each with what it does: shown by `--help`. */
  readonly examples: readonly (readonly [line: string, meaning: string])[];
  /** Flags that people know from elsewhere and that it does not take, each with what to use instead. */
  readonly instead?: ReadonlyMap<string, string>;
  /** Printed below its options. */
  readonly epilogue?: () => Promise<string>;
  readonly load: () => Promise<{ run(call: Call): Promise<ExitCode | undefined> }>;
}

/** Timers and the client's own options take no more: 24 days. */
export const MAX_TIMEOUT_MS = 2_147_483_647;

const bootstrap: OptionRow = {
  flags: "-b, --bootstrap-servers <list>",
  text: "where the broker is, host:port, comma separated (BROOKLET_BOOTSTRAP_SERVERS; default: 127.0.0.1 and BROOKLET_PORT or 4092)",
};
const timeout: OptionRow = {
  flags: "--timeout-ms <n>",
  text: "how long to wait for the broker (default: 10000)",
  parse: (value) => parseInteger("--timeout-ms", value, 1, MAX_TIMEOUT_MS),
};
export const json: OptionRow = { flags: "--json", text: "print JSON" };
/** Never the token itself: a command line can be read by every process of the machine. */
const token: OptionRow = {
  flags: "--token-file <file>",
  text: "the token to show to the broker (BROOKLET_TOKEN_FILE)",
  completes: "file",
};
/** What every command has that talks to a broker. */
export const client = [bootstrap, token, timeout];
