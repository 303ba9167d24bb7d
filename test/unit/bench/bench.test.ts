// The bench's arithmetic: spreads, what wrk prints, and the count that lets no wrong run pass.

import { expect, test } from "vitest";
import { Count } from "../../../bench/src/count.ts";
import { median, spread, spreadText } from "../../../bench/src/statistics.ts";
import { parseWrk } from "../../../bench/src/wrk.ts";

test("median and spread", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(spread([0.9, 1.1, 1])).toEqual({ median: 1, min: 0.9, max: 1.1 });
  expect(spreadText({ median: 1234.5, min: 1000, max: 2000 }, 0)).toBe("1,235 (1,000-2,000)");
});

test("wrk's own words are read, and its errors refuse the run", () => {
  const printed = `Running 5s test @ http://127.0.0.1:1/v1/fetch
  1 threads and 10 connections
  Latency Distribution
     50%  350.00us
     75%  400.00us
     90%    1.20ms
     99%    2.50ms
  100000 requests in 5.00s, 1.00GB read
Requests/sec:  20000.50
Transfer/sec:    200.00MB
`;
  expect(parseWrk(printed)).toEqual({ requests: 100_000, requestsPerSecond: 20_000.5, p50Ms: 0.35, p99Ms: 2.5 });
  expect(() => parseWrk(`${printed}  Non-2xx or 3xx responses: 3\n`)).toThrow(/answered with errors/);
});

test("loss, a duplicate and a wrong order each end the run", () => {
  const add = (count: Count, numbers: number[]) => {
    for (const number of numbers) count.add(0, Count.value(number, 100));
  };
  const right = new Count(3);
  add(right, [0, 1, 2]);
  expect(() => right.check("run", 3)).not.toThrow();
  const lost = new Count(3);
  add(lost, [0, 2]);
  expect(() => lost.check("run", 3)).toThrow("run: 1 lost, 0 delivered twice, 0 out of order");
  const twice = new Count(3);
  add(twice, [0, 1, 1, 2]);
  expect(() => twice.check("run", 3)).toThrow("1 delivered twice");
  const mixed = new Count(3);
  add(mixed, [1, 0, 2]);
  expect(() => mixed.check("run", 3)).toThrow("1 out of order");
});
