// 20,000 configurations at random, of all three clients: each is taken or refused with a ConfigError that names what is wrong,
// the same way every time; what is taken has the type that its row promises.

import { isDeepStrictEqual } from "node:util";
import { ConfigError } from "@brooklet/client";
import fc from "fast-check";
import { expect, test } from "vitest";
import { adminOptions, parseAdminConfig } from "../../../client-sdk/src/config/admin.ts";
import { consumerOptions, parseConsumerConfig } from "../../../client-sdk/src/config/consumer.ts";
import { camelCase, type OptionTable } from "../../../client-sdk/src/config/option.ts";
import { parseProducerConfig, producerOptions } from "../../../client-sdk/src/config/producer.ts";

type Parse = (config: object) => object;

const clients: readonly [readonly [OptionTable, Parse], ...(readonly [OptionTable, Parse])[]] = [
  [consumerOptions, parseConsumerConfig],
  [producerOptions, parseProducerConfig],
  [adminOptions, parseAdminConfig],
];

const CANARY = "canary-token";

/** Values that the options know, near misses, and noise. */
const value = fc.oneof(
  fc.constantFrom<unknown>(
    ...["all", "none", "gzip", "PLAIN", "SASL_PLAINTEXT", "SSL", "earliest", "by_duration:PT1H", "", "a:1", "a:1,b:2"],
    ...["true", "read_committed", "range", "PT1H", "__proto__", "[::1]:5", `x password="${CANARY}";`],
    ...[0, 1, -1, 5, 6, 1.5, 1_000, 60_000, 2 ** 31 - 1, 2 ** 31, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, 5n],
    ...[true, false, null, undefined, [], ["a:1"], [null], {}, Symbol("s"), () => 1],
    ...[{ serialize: () => null }, { deserialize: () => null }, [{ onSend() {}, onConsume() {} }]],
  ),
  fc.string({ maxLength: 20 }),
  fc.integer(),
  fc.double(),
);
/** Mostly names of the client itself: the search for the nearest name is the slowest part, and has tests of its own. */
const nameOf = (table: OptionTable) => {
  const known = fc.constantFrom(...Object.keys(table));
  const odd = fc.oneof(
    fc.constantFrom("ssl.x", "sasl.x", "share.x", "__proto__", "constructor", "toString", ""),
    fc.string({ maxLength: 30 }),
    // A known name with a letter changed, left out or doubled.
    fc
      .tuple(known, fc.nat(40), fc.constantFrom("", "x", ".."))
      .map(([option, at, by]) => option.slice(0, at) + by + option.slice(at + 1)),
  );
  return fc.oneof({ weight: 20, arbitrary: known }, { weight: 1, arbitrary: odd });
};
const address = fc.constant<[string, unknown]>(["bootstrap.servers", "localhost:4092"]);
const config = fc
  .nat(clients.length - 1)
  .chain((client) =>
    fc
      .tuple(
        fc.nat(9),
        address,
        fc.array(fc.tuple(nameOf((clients[client] ?? clients[0])[0]), value), { maxLength: 4 }),
      )
      .map(
        ([lost, server, entries]) => [client, Object.fromEntries(lost === 0 ? entries : [...entries, server])] as const,
      ),
  );

function outcomeOf(parse: Parse, given: object): { settings?: object; error?: ConfigError } {
  try {
    return { settings: parse(given) };
  } catch (error) {
    if (!ConfigError.is(error)) throw error;
    return { error };
  }
}

/** The number in a default client.id counts the objects. */
function comparable(settings: object): object {
  const clientId = String(Reflect.get(settings, "clientId")).replace(/\d+$/, "");
  return { ...settings, clientId };
}

/** `expect` costs more than the parsing of a whole configuration. */
function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

function checkProblems(table: OptionTable, given: object, { problems }: ConfigError): void {
  check(problems.length > 0, "there are problems");
  for (const { setting, problem } of problems) {
    check(problem.length > 3, "a problem has words");
    check(Object.hasOwn(given, setting) || Object.hasOwn(table, setting), `${setting} was given, or is missing`);
    if (table[setting]?.type === "secret") check(!problem.includes(CANARY), "a problem quotes a secret");
  }
}

function checkSettings(table: OptionTable, given: object, settings: object): void {
  const ignored = new Set(
    (settings as { ignoredOptions: { option: string }[] }).ignoredOptions.map(({ option }) => option),
  );
  for (const [option, set] of Object.entries(given)) {
    if (set === undefined) continue;
    const row = Object.hasOwn(table, option) ? table[option] : undefined;
    check(row?.fate === "works" || ignored.has(option), `${option} works, or it is told that it does not`);
  }
  for (const [option, row] of Object.entries(table)) {
    if (row.fate !== "works" || row.type !== "integer") continue;
    const read: unknown = Reflect.get(settings, camelCase(option));
    check(Number.isSafeInteger(read) && (read as number) >= row.min, `${option} is within its range`);
  }
}

test("each is taken, or refused with what is wrong, twice the same; nothing given is left unsaid", () => {
  let taken = 0;
  fc.assert(
    fc.property(config, ([client, given]) => {
      const [table, parse] = clients[client] ?? clients[0];
      const first = outcomeOf(parse, given);
      const second = outcomeOf(parse, given);
      check(isDeepStrictEqual(first.error?.problems, second.error?.problems), "the same problems every time");
      if (first.error !== undefined) return checkProblems(table, given, first.error);
      taken++;
      checkSettings(table, given, first.settings ?? {});
      check(
        isDeepStrictEqual(comparable(first.settings ?? {}), comparable(second.settings ?? {})),
        "the same settings",
      );
    }),
    { numRuns: 20_000 },
  );
  expect(taken, "some are taken").toBeGreaterThan(500);
});
