// Places in partitions, as `-o` and `--until` name them: start, end, an offset, so many records after the start or before the
// end, a time, or what a group has stored. Where they lie: locate.ts.

import { UsageError } from "../../exits.ts";
import { MOMENTS, parseMoment } from "../../moment.ts";

/** A place of the log, the same for everybody. */
export type LogPlace =
  | { readonly kind: "start" | "end" }
  /** `first`: so many after the start; `last`: so many before the end; `time`: milliseconds since 1970. */
  | { readonly kind: "offset" | "first" | "last" | "time"; readonly value: number };
export type Place = LogPlace | { readonly kind: "stored" };

const KINDS = { "": "offset", "+": "first", "-": "last" } as const;

/** Reads `start | end | N | +N | -N | @time | stored`; `wallMs` is now. Errors: UsageError that names the option. */
export function parsePlace(option: string, text: string, wallMs: number): Place {
  if (text === "start" || text === "end") return { kind: text };
  if (text === "stored") return { kind: text };
  const [, sign, digits] = /^([+-]?)(\d{1,15})$/.exec(text) ?? [];
  if (digits !== undefined) return { kind: KINDS[sign as keyof typeof KINDS], value: Number(digits) };
  if (!text.startsWith("@"))
    throw new UsageError(`${option} takes start, end, N, +N, -N, @time or stored; this is ${JSON.stringify(text)}`);
  const value = parseMoment(text.slice(1), wallMs);
  if (value === undefined)
    throw new UsageError(`${option} takes a time behind @: ${MOMENTS}; this is ${JSON.stringify(text)}`);
  return { kind: "time", value };
}
