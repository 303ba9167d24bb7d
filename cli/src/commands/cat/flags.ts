// What kcat's flags ask for, checked before anything is sent: the mode, the place to read from, delimiters, options of the client.
// Source: kcat 1.7, whose rules stand here where they can; what differs stands in the help (rows.ts).

import { type Call, Options, parseInteger } from "../../call.ts";
import { UsageError } from "../../exits.ts";
import { MOMENTS, parseMoment } from "../../moment.ts";
import type { Place } from "../../places.ts";
import { unescaped } from "../records/format.ts";

export type Mode = "P" | "C" | "G" | "L";

const MODES = ["P", "C", "G", "L"] as const;
const MODE_NAMES = { P: "Producer", C: "Consumer" } as const;
const DEFAULT_PORT = 4092;
/** Their values are texts even if they look like numbers. */
const TEXTS: readonly string[] = ["client.id", "group.id", "group.instance.id"];
/** What a command line must not hold, because every process of the machine can read it. */
const SECRETS: readonly string[] = ["token", "sasl.password", "sasl.jaas.config"];

/** Where `-o` begins and ends; undefined: not said. */
export interface Offsets {
  readonly from?: Place;
  readonly until?: Exclude<Place, { kind: "stored" }>;
}

/** The mode, guessed as kcat does where none is given: something to read on stdin is to be produced. */
export function modeOf({ options, streams, output }: Call): Mode {
  const given = MODES.filter((mode) => (mode === "G" ? options.text(mode) !== undefined : options.flag(mode)));
  const [mode, other] = given;
  if (other !== undefined) throw new UsageError(`do not mix modes: -${mode} and -${other}`);
  if (mode !== undefined) return mode;
  const guessed = streams.stdin.isTTY === true ? "C" : "P";
  if (!options.flag("q")) output.note(`% Auto-selecting ${MODE_NAMES[guessed]} mode (use -P or -C to override)`);
  return guessed;
}

/** Reads every `-o`. Errors: UsageError. */
export function offsetsOf(texts: readonly string[], wallMs: number): Offsets {
  let offsets: Offsets = {};
  for (const text of texts) {
    const [, side, moment] = /^([se])@(.*)$/s.exec(text) ?? [];
    if (side === undefined || moment === undefined) {
      offsets = { ...offsets, from: placeOf(text) };
      continue;
    }
    const value = parseMoment(moment, wallMs);
    if (value === undefined)
      throw new UsageError(`-o ${side}@ takes a time: ${MOMENTS}; this is ${JSON.stringify(text)}`);
    offsets = { ...offsets, [side === "s" ? "from" : "until"]: { kind: "time", value } };
  }
  return offsets;
}

function placeOf(text: string): Place {
  if (text === "beginning") return { kind: "start" };
  if (text === "end" || text === "stored") return { kind: text };
  const [, sign, digits] = /^(-?)(\d{1,15})$/.exec(text) ?? [];
  if (digits === undefined)
    throw new UsageError(
      `-o takes beginning, end, stored, N, -N, s@TIME or e@TIME; this is ${JSON.stringify(text)}${text === "start" ? ": kcat's word is beginning" : ""}`,
    );
  const value = Number(digits);
  // -0 is 0: the beginning, not the end.
  return { kind: sign === "-" && value > 0 ? "last" : "offset", value };
}

/** `-p`; undefined for -1, which is none in particular. */
export function partitionOf(options: Options): number | undefined {
  const text = options.text("p");
  if (text === undefined) return undefined;
  const partition = parseInteger("-p", text, -1);
  return partition === -1 ? undefined : partition;
}

/** The bytes of `-D` or `-K`. */
export function delimiterOf(options: Options, name: "D" | "K"): Uint8Array | undefined {
  const text = options.text(name);
  return text === undefined ? undefined : unescaped(text);
}

/** `-X name=value` as options of a client, which checks names and values itself. Errors: UsageError. */
export function propertiesOf(texts: readonly string[]): Map<string, string | number | boolean> {
  const properties = new Map<string, string | number | boolean>();
  for (const text of texts) {
    const at = text.indexOf("=");
    if (at < 1)
      throw new UsageError(
        `-X takes name=value; this is ${JSON.stringify(text)}${text === "list" || text === "dump" ? ": the options and their defaults stand in docs/reference/configuration.md" : ""}`,
      );
    // librdkafka's properties of a topic are options of the client here.
    const name = text.slice(0, at).replace(/^topic\./, "");
    if (SECRETS.includes(name))
      throw new UsageError(
        `-X ${name}: a command line can be read by every process of the machine; give a file that holds the token with --token-file, or name it in BROOKLET_TOKEN_FILE`,
      );
    properties.set(name, valueOfText(name, text.slice(at + 1)));
  }
  return properties;
}

function valueOfText(name: string, text: string): string | number | boolean {
  if (TEXTS.includes(name)) return text;
  if (/^-?\d{1,15}$/.test(text)) return Number(text);
  return text === "true" || text === "false" ? text === "true" : text;
}

/**
 * The call as the shared modules read it: the broker by the names of the other commands. `-b localhost` has the default port;
 * -X bootstrap.servers is another -b.
 */
export function catCall(call: Call, properties: Map<string, string | number | boolean>): Call {
  const { options } = call;
  const given = options.text("bootstrapServers") ?? properties.get("bootstrap.servers");
  properties.delete("bootstrap.servers");
  const bootstrapServers = given === undefined ? undefined : String(given).split(",").map(withPort).join(",");
  return {
    ...call,
    options: new Options({
      ...(bootstrapServers === undefined ? {} : { bootstrapServers }),
      tokenFile: options.text("tokenFile"),
      timeoutMs: options.integer("timeoutMs"),
    }),
  };
}

function withPort(server: string): string {
  const text = server.trim();
  return /^[^:[\]/]+$|^\[[^\]]*\]$/.test(text) ? `${text}:${DEFAULT_PORT}` : text;
}
