// Errors as they are thrown and as they travel; what each one is stands in error-table.ts.

import { type ErrorRow, errorTable } from "./error-table.ts";

export { type ErrorRow, errorTable, type Recovery } from "./error-table.ts";

/** Kafka's error names, and brooklet's own. */
export type ErrorCode = keyof typeof errorTable;

export function isErrorCode(name: string): name is ErrorCode {
  return Object.hasOwn(errorTable, name);
}

/** The row of an error. */
export function errorRow(code: ErrorCode): ErrorRow {
  return errorTable[code];
}

/** An error as it travels, in answers and in results of single items alike. */
export interface WireError {
  code: string;
  message: string;
  retriable: boolean;
  definite: boolean;
  /** What to do about it. */
  hint?: string;
  context?: Record<string, unknown>;
}

export interface ErrorDetail {
  hint?: string;
  context?: Record<string, unknown>;
  cause?: unknown;
}

/** A refusal that the peer may see. Anything else that is thrown in the broker is a bug and travels as UNKNOWN_SERVER_ERROR. */
export class ProtocolError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly context: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = "ProtocolError";
    this.code = code;
    const row: ErrorRow = errorTable[code];
    this.hint = detail.hint ?? row.hint;
    this.context = detail.context;
  }

  get row(): ErrorRow {
    return errorTable[this.code];
  }

  toWire(): WireError {
    return {
      code: this.code,
      message: this.message,
      retriable: this.row.retriable,
      definite: this.row.definite,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.context === undefined ? {} : { context: this.context }),
    };
  }
}

/** A statement that must hold; when it does not, the program is wrong, and going on would make it worse. */
export function invariant(holds: boolean, statement: string): asserts holds {
  if (!holds) throw new Error(`invariant broken: ${statement}`);
}
