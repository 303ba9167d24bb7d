// The table of limits against the code and against the tests that cross them: a limit without a test, a test that is gone, a
// value that drifted and a setting that nobody declares fail here by name.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isErrorCode } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { limits } from "../../../server/src/limits.ts";
import { settingDefinitions } from "../../../server/src/settings.ts";
import { repositoryRoot } from "../house/source-files.ts";

/** Where each limit is crossed: a file below test/, and what the test's title contains. */
const crossings: Readonly<Record<string, readonly [file: string, title: string]>> = {
  "frame payload": ["integration/listeners/websocket.test.ts", "a message beyond the limit is refused with 1009"],
  "frame header": ["unit/protocol/frames.test.ts", "a header of exactly the bound is taken, one byte more is not"],
  "frame header before hello": ["integration/listeners/attacks.test.ts", "a hello above 64 KiB"],
  "JSON depth": ["unit/protocol/frames.test.ts", "nesting is bounded before the parser recurses"],
  "JSON keys": ["unit/protocol/frames.test.ts", "an object has a bounded number of keys"],
  "record batch": ["contract/bad-input/wire.test.ts", "a batch too large"],
  "unpacked batch": ["integration/compression/end-to-end.test.ts", "a bomb is refused"],
  "readable records": ["integration/listeners/http.test.ts", "records in JSON are bounded in number"],
  "topic name": ["unit/protocol/names.test.ts", "MAX_TOPIC_NAME_LENGTH + 1"],
  "group, member and client ids": ["unit/protocol/names.test.ts", "MAX_ID_LENGTH + 1"],
  "commit metadata": ["contract/bad-input/sdk.test.ts", "OFFSET_METADATA_TOO_LARGE"],
  "HTTP headers": ["integration/listeners/guard.test.ts", "a Host in 17 KiB of headers"],
  "request grant": ["unit/listeners/session-flow.test.ts", "above the grant a request is refused"],
  "unanswered requests": ["unit/listeners/session-flow.test.ts", "unanswered requests are bounded by number"],
  "reply grant": ["unit/log/fetch.test.ts", "max.reply.bytes clips whatever was asked for"],
  "unread answers": ["integration/listeners/slow-client.test.ts", "a client that does not read gets a bounded part"],
  "requests sent ahead by HTTP": ["integration/listeners/connections.test.ts", "requests sent ahead on one HTTP"],
  fragments: ["integration/listeners/attacks.test.ts", "one-byte fragments"],
  "buffered chunks": ["unit/listeners/websocket-door.test.ts", "a message in too many small pieces"],
  "ping rate": ["integration/listeners/websocket.test.ts", "a flood of pings ends the connection"],
  silence: ["integration/listeners/websocket.test.ts", "a connection that answers no ping is cut"],
  connections: ["integration/listeners/connections.test.ts", "sockets are bounded by max.connections"],
  "connections per address": ["integration/listeners/attacks.test.ts", "one address takes max.connections.per.ip"],
  "unauthenticated sockets": ["integration/listeners/attacks.test.ts", "a thousand sockets that never say hello"],
  "handshake time": ["integration/listeners/attacks.test.ts", "are cut after handshake.timeout.ms"],
  "request time": ["integration/listeners/attacks.test.ts", "is cut after http.request.timeout.ms"],
  "wrong tokens": ["unit/listeners/authenticator.test.ts", "after too many wrong tokens of an address"],
  "request bytes of all": ["unit/listeners/session-flow.test.ts", "are bounded together"],
  "unread answers of all": ["unit/listeners/session-flow.test.ts", "what all clients together do not read is bounded"],
  "HTTP bodies of all": ["unit/listeners/http-load.test.ts", "bodies of all requests are bounded"],
  "unread HTTP answers of all": ["integration/listeners/connections.test.ts", "HTTP answers that nobody reads"],
  "staged records": ["unit/storage/commit-queue.test.ts", "hasRoomFor"],
  "parked fetches": ["unit/log/parked-fetch.test.ts", "fetches beyond max.parked.fetches are refused"],
  "fetch wait": ["unit/log/parked-fetch.test.ts", "no fetch waits longer than fetch.max.wait.ms"],
  "event streams": ["integration/listeners/stream.test.ts", "max.stream.readers bounds them"],
  "partitions of an event stream": ["integration/listeners/stream.test.ts", "251"],
  "stalled event stream": ["unit/listeners/event-stream.test.ts", "after 30 s it is cut"],
  "streams of records": ["integration/listeners/ndjson.test.ts", "max.stream.writers bounds streams of records"],
  "tail cache": ["unit/log/tail-cache.test.ts", "the oldest slabs go first, and the budget holds"],
  topics: ["unit/log/topics.test.ts", "limits count what is staged"],
  partitions: ["unit/log/topic-changes.test.ts", "more than max.partitions"],
  "partitions of a topic": ["unit/log/topics.test.ts", "10_001"],
  groups: ["unit/groups/refusals.test.ts", "groups are bounded"],
  members: ["unit/groups/refusals.test.ts", "group.max.size"],
  "pattern length": ["unit/groups/patterns.test.ts", "what is not RE2, too long or too large is refused"],
  "metric series": ["unit/metrics/exposition.test.ts", "series are bounded, and what is left out is counted"],
};

test.each(limits.map((limit) => [limit.name, limit] as const))("%s is crossed by a test", (name) => {
  const crossing = crossings[name];
  expect(crossing, "no test is named").toBeDefined();
  const [file, title] = crossing ?? ["", ""];
  const path = join(repositoryRoot, "test", file);
  expect(existsSync(path), `${file} is gone`).toBe(true);
  const text = readFileSync(path, "utf8");
  expect(text, `${file} has no ${title}`).toContain(title);
  expect(text, "it may not be skipped").not.toMatch(/\b(?:test|describe)\.(?:skip|todo|only)\b/);
});

test("no crossing is named for a limit that is none", () => {
  const names: string[] = limits.map(({ name }) => name);
  expect(Object.keys(crossings).filter((name) => !names.includes(name))).toEqual([]);
  expect(new Set(names).size).toBe(names.length);
});

test.each(limits.map((limit) => [limit.name, limit] as const))("%s has the value that the code has", (_name, limit) => {
  if ("setting" in limit) {
    expect(settingDefinitions[limit.setting].type).toBe("integer");
    return;
  }
  const [file, constant] = limit.constant;
  const text = readFileSync(join(repositoryRoot, file), "utf8");
  const declared = new RegExp(`const ${constant} = ([0-9_* ]+);`).exec(text)?.[1];
  expect(declared, `${file} declares no ${constant}`).toBeDefined();
  const value = declared?.split("*").reduce((product, factor) => product * Number(factor.replaceAll("_", "")), 1);
  expect(value).toBe(limit.value);
});

test.each(limits.map((limit) => [limit.name, limit] as const))(
  "%s says what happens above it",
  (_name, { above, text }) => {
    expect(above.length).toBeGreaterThan(0);
    expect(text).toMatch(/^[A-Z].*\.$/);
    for (const answer of above) if ("error" in answer) expect(isErrorCode(answer.error)).toBe(true);
  },
);

/** Settings with a bound that no peer runs into, or that bound time and not room. */
const noLimits =
  /^(log\.|offsets\.|group\.(min|max\.session|consumer|disconnect)|num\.partitions|auto\.|producer\.id|max\.metric\.groups)/;

test("every setting that bounds something stands in the table", () => {
  const named = new Set(limits.flatMap((limit) => ("setting" in limit ? [limit.setting as string] : [])));
  const missing = Object.keys(settingDefinitions).filter((name) => !named.has(name) && !noLimits.test(name));
  expect(missing).toEqual([]);
});
