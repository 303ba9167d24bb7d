// Everything that reads bytes or text from outside, and the property test that gives it whatever may come. A decoder that is not
// in this table is found by the look over the sources below, which know decoders by their names.

import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { sourceFiles } from "../house/source-files.ts";
import { type Shown, shownProblem } from "./shown.ts";

const property = (file: string, title: string): Shown => ({ file: `property/${file}`, title });

/** By the function that reads. */
const inventory: Readonly<Record<string, Shown>> = {
  // Frames and batches.
  decodeFrame: property("protocol/frames.test.ts", "any changed bytes, and any bytes at all"),
  parseHeader: property(
    "protocol/frames.test.ts",
    "a poisonous key is refused wherever it stands and however it is escaped",
  ),
  readBatchHeader: property("protocol/batches.test.ts", "any bytes at all"),
  checkBatch: property(
    "protocol/batches.test.ts",
    "under any change with a right CRC: refused with a ProtocolError, or whole for everybody",
  ),
  decodeBatch: property(
    "protocol/batches.test.ts",
    "any bytes behind a good header: refused with a ProtocolError, or whole for everybody",
  ),
  splitBatches: property("protocol/batches.test.ts", "any bytes at all"),
  readVarint: property("protocol/varints.test.ts", "64-bit varints, both ways"),
  "decompress (gzip, snappy with Xerial's frames, LZ4 frames, zstd)": property(
    "protocol/codecs.test.ts",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the title as it stands in the source
    "%s: ${RUNS} hostile inputs end within the bound, or in an error that says so",
  ),
  // JSON as text.
  cutValues: property("protocol/readable.test.ts", "what is JSON for JSON.parse is JSON here, and nothing else"),
  parseRecords: property(
    "protocol/readable.test.ts",
    "cutting and putting back gives the same text, and the same values as JSON.parse",
  ),
  readRecord: property("protocol/readable.test.ts", "what is read can be posted again, and is the same bytes"),
  // The broker's doors.
  parsePositions: property(
    "grammars/server.test.ts",
    "stream positions: any text is positions, or refused; what is taken means what it says",
  ),
  numberOf: property("grammars/server.test.ts", "numbers and isolation in a query"),
  isolationOf: property("grammars/server.test.ts", "numbers and isolation in a query"),
  parseHost: property(
    "grammars/server.test.ts",
    "hosts: nothing throws, and what is read is exactly what stands there",
  ),
  "Guard.check": property(
    "grammars/server.test.ts",
    "the guard lets no request pass whose host or origin is not one of its own",
  ),
  "Lines (NDJSON)": property(
    "grammars/server.test.ts",
    "lines of a body: the same lines however the bytes are cut, and one too long costs itself only",
  ),
  "Patterns.check": property(
    "grammars/server.test.ts",
    "patterns: any text is RE2 or refused, at once, and matching it never throws",
  ),
  checkTopicConfigs: property(
    "grammars/server.test.ts",
    "topic configurations: any name and value is taken or refused with INVALID_CONFIG",
  ),
  digestsOf: property(
    "grammars/server.test.ts",
    "tokens: what is taken is known by itself only, what is refused is not repeated",
  ),
  parseSettings: property(
    "cli/properties.test.ts",
    "20,000 settings of any kind are read or refused, and what is read lies in its range",
  ),
  // What the broker stored itself.
  parseGroup: property(
    "groups/random-events.test.ts",
    "whatever happens, the group keeps its promises and settles when the faults stop",
  ),
  encodeOffsetValue: property(
    "groups/consumer-offsets.test.ts",
    "what is committed is read back from the record's key and value",
  ),
  // The SDK.
  answerProblem: property(
    "client/answer-shapes.test.ts",
    "%s: a good answer passes; each field of a wrong type is named, and so is each that is missing",
  ),
  "decodeFrame (of an answer)": property(
    "client/answer-shapes.test.ts",
    "10,000 good answers with a few bytes changed, cut or added are decoded or refused",
  ),
  parseProducerConfig: property(
    "client/options.test.ts",
    "each is taken, or refused with what is wrong, twice the same; nothing given is left unsaid",
  ),
  parseConsumerConfig: property(
    "client/options.test.ts",
    "each is taken, or refused with what is wrong, twice the same; nothing given is left unsaid",
  ),
  parseAdminConfig: property(
    "client/options.test.ts",
    "each is taken, or refused with what is wrong, twice the same; nothing given is left unsaid",
  ),
  parseServers: property(
    "grammars/clients.test.ts",
    "bootstrap.servers: what is taken can be connected to, what is not is named",
  ),
  parseDurationMs: property("grammars/clients.test.ts", "durations: any text is one in whole milliseconds, or none"),
  tokenOfJaas: property(
    "grammars/clients.test.ts",
    "a JAAS line: its password is the token, or the refusal repeats nothing of it",
  ),
  topicNameProblem: property("grammars/clients.test.ts", "names of topics and groups: Kafka's rule, and nothing else"),
  // The command.
  parseProperties: property(
    "cli/properties.test.ts",
    "20,000 texts of any kind: each line is a property, a problem, a comment or nothing, and nothing throws",
  ),
  assignments: property("cli/properties.test.ts", "20,000 assignments of --set are read or refused"),
  parsePlace: property("grammars/clients.test.ts", "consume -o: each form means itself, all else is a usage error"),
  parseMoment: property("cli/records.test.ts", "moments: any text is a time since 1970, or none"),
  parseHeaders: property("cli/records.test.ts", "-H: a name, and all that stands behind the first ="),
  parseFormat: property("cli/records.test.ts", "formats: any text is one, or a usage error"),
  formatReader: property(
    "cli/records.test.ts",
    "produce -f: any bytes are records or a usage error, the same ones however they are cut",
  ),
  parsePartitions: property(
    "grammars/partitions.test.ts",
    "partitions of a topic: each text means itself, all else is a usage error",
  ),
  parseInteger: property("grammars/clients.test.ts", "numbers and levels on the command line"),
  parseLogLevel: property("grammars/clients.test.ts", "numbers and levels on the command line"),
  linesOf: property("grammars/clients.test.ts", "lines: the same ones however the bytes are cut"),
  recordOfLine: property(
    "grammars/clients.test.ts",
    "a record of a line: any bytes are one or a usage error; what is printed is read back",
  ),
};

/** Named like a decoder, and none: what they read was read before, or they only pass it on. */
const noDecoders = new Set([
  // Calls the three above by the kind of client.
  "parseConfig",
]);

test.each(Object.entries(inventory))("%s is given whatever may come", (_, shown) => {
  expect(shownProblem(shown)).toBeUndefined();
});

test("no function that is named like a decoder is missing in the table", () => {
  const named = sourceFiles()
    .filter(({ path }) => /^(protocol|server|client-sdk|cli)\/src\//.test(path))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/^export (?:async )?function\*? ((?:parse|decode)[A-Z]\w*)/gm)].map(([, name]) => ({
        path,
        name,
      })),
    );
  expect(named.length).toBeGreaterThan(8);
  const missing = named.filter(({ name = "" }) => !(name in inventory) && !noDecoders.has(name));
  expect(missing).toEqual([]);
});

test("no property test of a grammar is left out of the table", () => {
  const files = readdirSync(new URL("../../property/grammars/", import.meta.url));
  const used = new Set(Object.values(inventory).map(({ file }) => file));
  for (const file of files) expect(used).toContain(`property/grammars/${file}`);
});
