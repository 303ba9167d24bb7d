// What HTTP requests may take of the broker together: bodies and answers, counted while their requests last.

import { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { HttpLoad } from "../../../server/src/listeners/http-load.ts";

const MIB = 1024 * 1024;

function exchange(load: HttpLoad, headers: Record<string, string>, socket: object = {}) {
  const response = Object.assign(new EventEmitter(), { closed: false }) as unknown as ServerResponse;
  const refusal = load.enter({ headers, socket } as unknown as IncomingMessage, response);
  return { refusal, response, end: () => response.emit("close") };
}

test("bodies of all requests are bounded, by what they announce; one alone is always taken", () => {
  const load = new HttpLoad(400 * MIB);
  const huge = exchange(load, { "content-length": String(300 * MIB) });
  expect(huge.refusal).toBeUndefined();
  expect(exchange(load, { "content-length": "1" }).refusal?.code).toBe("THROTTLING_QUOTA_EXCEEDED");
  expect(exchange(load, {}).refusal).toBeUndefined();
  huge.end();
  const half = exchange(load, { "content-length": String(200 * MIB) });
  expect(half.refusal).toBeUndefined();
  // Without a length it may become as long as any.
  expect(exchange(load, { "transfer-encoding": "chunked" }).refusal?.code).toBe("THROTTLING_QUOTA_EXCEEDED");
  expect(exchange(load, { "content-length": String(56 * MIB) }).refusal).toBeUndefined();
  expect(exchange(load, { "content-length": String(MIB) }).refusal?.code).toBe("THROTTLING_QUOTA_EXCEEDED");
  half.end();
  expect(exchange(load, { "content-length": String(MIB) }).refusal).toBeUndefined();
});

test("a refused request counts for nothing", () => {
  const load = new HttpLoad(MIB);
  const socket = {};
  for (let count = 0; count < 16; count++) expect(exchange(load, {}, socket).refusal).toBeUndefined();
  for (let count = 0; count < 5; count++)
    expect(exchange(load, {}, socket).refusal?.code).toBe("THROTTLING_QUOTA_EXCEEDED");
  expect(load.requests).toBe(16);
  expect(exchange(load, {}).refusal).toBeUndefined();
});

test("answers that are not taken are bounded in all, and free again when their request is over", () => {
  const load = new HttpLoad(MIB);
  const [first, second] = [exchange(load, {}), exchange(load, {})];
  expect(load.admitAnswer(first.response, 250 * MIB)).toBeUndefined();
  expect(load.admitAnswer(second.response, 10 * MIB)?.code).toBe("THROTTLING_QUOTA_EXCEEDED");
  first.end();
  expect(load.admitAnswer(second.response, 10 * MIB)).toBeUndefined();
});
