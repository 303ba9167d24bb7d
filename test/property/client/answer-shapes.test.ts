// Every field of every API's answer, as the schemas have it, with every wrong type: the SDK says what of whose answer is wrong,
// and no value gets past the shapes as another type. And 20,000 frames of noise: decoded, or refused as no frame.

import { type ApiName, decodeFrame, encodeFrame, ProtocolError } from "@brooklet/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { answerProblem, isWireError } from "../../../client-sdk/src/network/answers.ts";
import { apis } from "../../../protocol/src/apis/table.ts";
import { fuzzRuns } from "../../support/fuzz-runs.ts";

interface Schema {
  readonly type?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly const?: unknown;
}

/** A good value of a schema, with everything that may be there. */
function sampleOf(schema: Schema): unknown {
  const [first] = schema.anyOf ?? [];
  if (first !== undefined) return sampleOf(first);
  if (schema.const !== undefined) return schema.const;
  switch (schema.type) {
    case "string":
      return "t";
    case "integer":
      return 0;
    case "number":
      return 0.5;
    case "boolean":
      return true;
    case "array":
      return [sampleOf(schema.items ?? {})];
    default:
      return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, one]) => [name, sampleOf(one)]));
  }
}

interface Place {
  readonly path: readonly (string | number)[];
  readonly schema: Schema;
  readonly isRequired: boolean;
}

/** Every field below a schema, and every element. */
function placesOf(schema: Schema, path: readonly (string | number)[] = []): Place[] {
  const here = Object.entries(schema.properties ?? {}).flatMap(([name, one]): Place[] => {
    const at = [...path, name];
    return [{ path: at, schema: one, isRequired: schema.required?.includes(name) === true }, ...placesOf(one, at)];
  });
  if (schema.items === undefined) return here;
  const at = [...path, 0];
  return [...here, { path: at, schema: schema.items, isRequired: false }, ...placesOf(schema.items, at)];
}

function typeOf(schema: Schema): string | undefined {
  return schema.type ?? (schema.anyOf?.[0]?.const === undefined ? undefined : typeof schema.anyOf[0].const);
}

function replaced(value: unknown, path: readonly (string | number)[], by: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return by;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, unknown>;
  if (rest.length === 0 && by === undefined) delete copy[step];
  else copy[step] = replaced(copy[step], rest, by);
  return copy;
}

const wrongFor: Readonly<Record<string, readonly unknown[]>> = {
  string: [null, 5, true, [], {}, ["t"]],
  integer: [null, "5", true, [], {}, 0.5, 2 ** 60, Number.NaN],
  number: [null, "5", true, [], {}, Number.POSITIVE_INFINITY],
  boolean: [null, "true", 0, [], {}],
  array: [null, "t", 5, {}, { length: 1 }],
  object: [null, "t", 5, []],
};

/** `limits` is read by itself and refused as a whole: hostile-server.test.ts. An error's context is anybody's. */
const elsewhere = (path: readonly (string | number)[]) => path[0] === "limits" || path.includes("context");

const names = (Object.keys(apis) as ApiName[]).sort();

test.each(names)(
  "%s: a good answer passes; each field of a wrong type is named, and so is each that is missing",
  (api) => {
    const schema = apis[api].response as Schema;
    const good = sampleOf(schema) as object;
    expect(answerProblem(api, good, 0), "with all optional fields").toBeUndefined();
    for (const { path, schema: field, isRequired } of placesOf(schema)) {
      if (elsewhere(path)) continue;
      const name = path.filter((step) => typeof step === "string").at(-1) ?? "";
      const wrong = [...(wrongFor[typeOf(field) ?? ""] ?? []), ...(isRequired ? [undefined] : [])];
      expect(wrong.length, path.join(".")).toBeGreaterThan(0);
      for (const value of wrong) {
        const problem = answerProblem(api, replaced(good, path, value) as object, 0);
        // What is wrong inside an error makes the error as a whole wrong.
        const where = path.includes("error") ? "error" : name;
        expect(problem, `${path.join(".")} = ${JSON.stringify(value)}`).toContain(where);
      }
    }
  },
);

test("optional fields may be absent", () => {
  for (const api of names) {
    const schema = apis[api].response as Schema;
    for (const { path, isRequired } of placesOf(schema)) {
      if (isRequired || typeof path.at(-1) === "number" || elsewhere(path)) continue;
      const answer = replaced(sampleOf(schema), path, undefined) as object;
      expect(answerProblem(api, answer, 0), `${api} without ${path.join(".")}`).toBeUndefined();
    }
  }
});

const bounds = { maxHeaderBytes: 1_000 };

/** What a frame of these bytes does to whoever waits for the answer of an API: it is told, or refused by name. */
function receive(api: ApiName, bytes: Uint8Array): void {
  try {
    const { header, payload } = decodeFrame(bytes, bounds);
    expect(Object.hasOwn(header, "__proto__")).toBe(false);
    if (header.error !== undefined) isWireError(header.error);
    else
      expect(answerProblem(api, header, payload.length)).toSatisfy((problem) =>
        ["string", "undefined"].includes(typeof problem),
      );
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    expect(error.code).toBe("INVALID_REQUEST");
  }
}

test("10,000 frames of random bytes and headers are decoded or refused", () => {
  const header = fc.jsonValue({ maxDepth: 4 }).map((value) => {
    const json = new TextEncoder().encode(JSON.stringify(value));
    return Uint8Array.from([0, 0, json.length >>> 8, json.length & 255, ...json]);
  });
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 64 }), header);
  fc.assert(
    fc.property(fc.constantFrom(...names), bytes, (api, frame) => receive(api, frame)),
    { numRuns: fuzzRuns(10_000) },
  );
});

test("10,000 good answers with a few bytes changed, cut or added are decoded or refused", () => {
  const frames = new Map(
    names.map((api) => [api, encodeFrame({ id: 1, ...(sampleOf(apis[api].response as Schema) as object) })]),
  );
  const change = fc.record({ at: fc.nat(2_000), to: fc.nat(255) });
  fc.assert(
    fc.property(
      fc.constantFrom(...names),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: -20, max: 20 }),
      (api, changes, grown) => {
        const good = frames.get(api) ?? new Uint8Array();
        const frame = new Uint8Array(Math.max(0, good.length + grown));
        frame.set(good.subarray(0, frame.length));
        for (const { at, to } of changes) if (frame.length > 0) frame[at % frame.length] = to;
        receive(api, frame);
      },
    ),
    { numRuns: fuzzRuns(10_000) },
  );
});

test("a payload that is not what the items announce is malformed", () => {
  const result = { topic: "t", partition: 0, highWatermark: 1, lastStableOffset: 1, logStartOffset: 0, nextOffset: 1 };
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -5, max: 50 }), { maxLength: 4 }), fc.nat(100), (sizes, payloadBytes) => {
      const problem = answerProblem("fetch", { results: sizes.map((bytes) => ({ ...result, bytes })) }, payloadBytes);
      const fits = sizes.every((size) => size >= 0) && sizes.reduce((sum, size) => sum + size, 0) === payloadBytes;
      expect(problem === undefined).toBe(fits);
    }),
    { numRuns: fuzzRuns(2_000) },
  );
});
