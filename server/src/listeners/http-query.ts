// Values of a URL's query and path, read strictly: a value that is not exactly legal is refused, never corrected.

import { ProtocolError, type WireError } from "@brooklet/protocol";
import { fromWire } from "./http-exchange.ts";

export type Query = Record<string, string | string[] | undefined>;

export const MAX_PARTITION = 2_147_483_647;

/** Errors: INVALID_REQUEST, also for a value that is given twice. */
export function numberOf(text: string | string[] | undefined, name: string, min: number, max: number): number {
  const value = typeof text === "string" && /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new ProtocolError("INVALID_REQUEST", `${name} is a whole number from ${min} to ${max}`);
}

/** Default read_uncommitted, as Kafka's consumers. */
export function isolationOf({ isolation }: Query): "read_uncommitted" | "read_committed" {
  if (isolation === undefined || isolation === "read_uncommitted") return "read_uncommitted";
  if (isolation === "read_committed") return isolation;
  throw new ProtocolError("INVALID_REQUEST", "isolation is read_uncommitted or read_committed");
}

/** The only item of an answer; its error is the answer's. */
export function only<T extends { error?: WireError }>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined) throw new ProtocolError("UNKNOWN_SERVER_ERROR", "the broker answered with nothing");
  if (item.error !== undefined) throw fromWire(item.error);
  return item;
}
