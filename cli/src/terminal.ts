// What a stream may be given: how wide its lines are, whether the cursor may move, whether there is colour.
// Invariant: what is no terminal gets neither colour (unless FORCE_COLOR asks for it) nor a moved cursor, and is never wrapped.

import { styleText } from "node:util";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The little that the command says by colour; nothing is said by colour alone. */
export type Style = "bold" | "dim" | "red";

interface Stream {
  readonly isTTY?: boolean;
  /** Of a terminal; another number after it was made wider. */
  readonly columns?: number;
}

const DEFAULT_COLUMNS = 80;
/** Narrower than this nothing can be laid out. */
const MIN_COLUMNS = 20;

export class Terminal {
  readonly #stream: Stream;
  readonly #env: Environment;

  constructor(stream: Stream, env: Environment) {
    this.#stream = stream;
    this.#env = env;
  }

  /** Whether somebody looks at it. */
  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  /** The columns of a terminal's line now; undefined for files and pipes, whose lines have no end. */
  get columns(): number | undefined {
    if (!this.isTerminal) return undefined;
    const columns = this.#stream.columns ?? 0;
    return columns > 0 ? Math.max(MIN_COLUMNS, columns) : DEFAULT_COLUMNS;
  }

  /** Whether lines may be erased and written again. */
  get movesCursor(): boolean {
    return this.isTerminal && !isDumb(this.#env);
  }

  /** no-color.org before force-color.org before what the stream is. */
  get hasColors(): boolean {
    const { NO_COLOR, FORCE_COLOR } = this.#env;
    if (NO_COLOR !== undefined && NO_COLOR !== "") return false;
    if (FORCE_COLOR !== undefined && FORCE_COLOR !== "") return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
    return this.movesCursor;
  }

  /** One line, styled where there is colour. The text must be harmless already. */
  styled(line: string, style: Style | undefined): string {
    return style === undefined || line === "" || !this.hasColors
      ? line
      : styleText(style, line, { validateStream: false });
  }
}

function isDumb({ TERM }: Environment): boolean {
  return TERM === "dumb";
}
