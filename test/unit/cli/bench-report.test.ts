// What `brooklet bench` says of a run: figures, the picture, its limits, and what must not happen.

import { expect, test } from "vitest";
import { Latencies, rangeBoundsMs } from "../../../cli/src/commands/bench/latencies.ts";
import type { Load } from "../../../cli/src/commands/bench/load.ts";
import { MIN_RECORD_BYTES, NumberedValues } from "../../../cli/src/commands/bench/numbered.ts";
import {
  type Asked,
  countRows,
  histogramLines,
  inMs,
  latencyLines,
  limitsOf,
  type ReadAgain,
  reportOf,
  titleLines,
  wrongs,
} from "../../../cli/src/commands/bench/report.ts";
import { Tally } from "../../../cli/src/commands/bench/tally.ts";

const asked: Asked = {
  servers: "broker.example:4092",
  topic: "t",
  partitions: 3,
  recordBytes: 100,
  schedule: { recordsPerSecond: 1_000, records: 11_000, warmUpRecords: 1_000 },
};

function latencies(...values: number[]): Latencies {
  const recorded = new Latencies();
  for (let round = 0; round < 10_000; round++) for (const value of values) recorded.record(value);
  return recorded;
}

/** A run in which all went well, but for what is said. */
function loadOf(differs: Partial<Load> = {}): Load {
  const tally = new Tally(11_000);
  for (let number = 0; number < 11_000; number++) {
    tally.acknowledge(number);
    tally.arrive(number, number % 3);
  }
  return {
    sending: latencies(0.1),
    acknowledging: latencies(2, 3),
    arriving: latencies(3, 40),
    tally,
    sent: 11_000,
    failed: 0,
    firstError: undefined,
    sendingMs: 10_999.1,
    waitsForRoom: 0,
    ...differs,
  } as Load;
}

function report(load = loadOf(), again?: ReadAgain) {
  return reportOf(asked, { version: "1.2.3", durability: "disk" }, load, again, {
    interrupted: false,
    brokerAnswers: true,
  });
}

test("a sound run: its counts, its rate, its latencies, its durability", () => {
  const { tally } = loadOf();
  const again = tally.again();
  for (let number = 0; number < 11_000; number++) again.arrive(number, number % 3);
  const sound = report(loadOf(), { tally: again, durationMs: 100 });
  expect(wrongs(sound)).toEqual([]);
  expect(sound.limits).toEqual([]);
  expect(titleLines(sound)).toEqual([
    "Broker broker.example:4092, version 1.2.3, durability disk",
    "10,000 records of 100 B, 3 partitions; 1,000 before them to warm up",
  ]);
  expect(countRows(sound)).toEqual([
    ["sent", "11,000 (1,000/s of 1,000/s)"],
    ["acknowledged", "11,000"],
    ["arrived", "11,000"],
    ["lost", "0"],
    ["duplicates", "0"],
    ["out of order", "0"],
    ["read again", "11,000 (110,000/s)"],
  ]);
  expect(latencyLines(sound)).toEqual([
    "   MS  SENT  ACKED  ARRIVED",
    "p50    0.10   2.00     3.00",
    "p90    0.10   3.00     40.0",
    "p99    0.10   3.00     40.0",
    "p99.9  0.10   3.00     40.0",
    "max    0.10   3.00     40.0",
  ]);
  expect(JSON.parse(JSON.stringify(sound))).toEqual(sound);
});

test("the picture fits 80 and 40 columns, and shows what is rare", () => {
  const ranges = [
    { upToMs: 1, count: 1 },
    { upToMs: 2, count: 0 },
    { upToMs: 5_000, count: 1_000_000 },
  ];
  for (const columns of [80, 40])
    for (const line of histogramLines(ranges, columns)) expect(line.length).toBeLessThanOrEqual(columns);
  expect(histogramLines(ranges, 40)).toEqual([
    "    <= 1 ms          1  #",
    "    <= 2 ms          0",
    "<= 5,000 ms  1,000,000  ################",
  ]);
  expect(histogramLines([], 80)).toEqual([]);
});

test("what is lost, doubled, turned around or refused is said, in the first reading and the second", () => {
  const tally = new Tally(3);
  for (const number of [0, 1, 2]) tally.acknowledge(number);
  tally.arrive(2, 0);
  tally.arrive(1, 0);
  tally.arrive(1, 0);
  const bad = report(loadOf({ tally, failed: 2, firstError: new Error("the disk is full") }));
  expect(wrongs(bad)).toEqual([
    "acknowledged and lost: 1 records",
    "arrived once too often: 1 records",
    "out of order: 1 records",
    "not acknowledged: 2 records, the first because the disk is full",
  ]);
  const sound = loadOf();
  const again = sound.tally.again();
  again.arrive(7, 0);
  again.arrive(7, 0);
  expect(wrongs(report(sound, { tally: again, durationMs: 100 }))).toEqual([
    "acknowledged and lost: 10,999 records",
    "arrived once too often: 1 records",
  ]);
});

test("nothing is called lost while there is no broker to ask", () => {
  const tally = new Tally(3);
  for (const number of [0, 1, 2]) tally.acknowledge(number);
  tally.arrive(0, 0);
  const end = { interrupted: false, brokerAnswers: false };
  const gone = reportOf(asked, { version: "1.2.3", durability: "disk" }, loadOf({ tally }), undefined, end);
  expect(countRows(gone)).toContainEqual(["missing", "2"]);
  expect(countRows(gone).map(([name]) => name)).not.toContain("lost");
  expect(wrongs(gone)).toEqual([
    "the broker does not answer any more: what is stored cannot be read again",
    "acknowledged and not arrived: 2 records, which may be stored",
  ]);
});

test.each<[string, Partial<Load>, RegExp]>([
  ["a load that could not send", { sendingMs: 15_000 }, /fell behind its schedule.*sent 4\.0 s late.*this process/],
  [
    "a broker that could not follow",
    { sendingMs: 15_000, waitsForRoom: 1 },
    /fell behind.*the broker did not acknowledge as fast/,
  ],
  ["timers", { sending: latencies(0.6), acknowledging: latencies(1) }, /timers go by the millisecond.*waited 0\.60 ms/],
  [
    "a busy process",
    { sending: latencies(30), acknowledging: latencies(40) },
    /this process is slower than the broker/,
  ],
  ["few records", { acknowledging: latenciesOf(5_000) }, /p99\.9 stands for 5 of 5,000 records/],
])("%s is named as the limit", (_, differs, expected) => {
  expect(limitsOf(loadOf(differs), asked).join("\n")).toMatch(expected);
});

test("a run in which nothing was acknowledged has no latencies, and says nothing of what limits them", () => {
  const load = loadOf({ acknowledging: new Latencies(), arriving: new Latencies() });
  expect(limitsOf(load, asked)).toEqual([expect.stringMatching(/^nothing was measured/)]);
  expect(latencyLines(report(load))[1]).toMatch(/^p50 +0\.10 +- +-$/);
});

function latenciesOf(count: number): Latencies {
  const recorded = new Latencies();
  for (let round = 0; round < count; round++) recorded.record(5);
  return recorded;
}

test("a broker on the same machine is named", () => {
  for (const servers of ["localhost:4092", "127.0.0.1:4092", "[::1]:4092", "far:1,localhost:2"])
    expect(limitsOf(loadOf(), { ...asked, servers })).toEqual(["broker and load share this machine and its disk."]);
});

test("latencies below the first range, above the last and none at all", () => {
  expect(new Latencies().percentiles).toEqual({ count: 0, mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 });
  expect(new Latencies().ranges).toEqual([]);
  const odd = new Latencies();
  for (const value of [-5, 0, 1e12]) odd.record(value);
  expect(odd.ranges[0]).toEqual({ upToMs: 0.1, count: 2 });
  expect(odd.ranges.at(-1)).toEqual({ upToMs: 3_600_000, count: 1 });
  expect(odd.percentiles.max).toBe(3_600_000);
  expect(rangeBoundsMs).toEqual([...rangeBoundsMs].sort((a, b) => a - b));
  expect(rangeBoundsMs.slice(0, 6)).toEqual([0.1, 0.2, 0.5, 1, 2, 5]);
});

test.each([
  [0, "0.00"],
  [0.564, "0.56"],
  [12.34, "12.3"],
  [1234.5, "1,235"],
])("%d ms is written %s", (ms, text) => {
  expect(inMs(ms)).toBe(text);
});

test("a value bears its run's mark and number; another's, a changed and a short one have none", () => {
  for (const recordBytes of [MIN_RECORD_BYTES, 100]) {
    const values = new NumberedValues("run-0001", recordBytes);
    const value = values.write(4_000_000_000);
    expect(value.length).toBe(recordBytes);
    expect(values.read(value)).toBe(4_000_000_000);
    expect(new NumberedValues("run-0002", recordBytes).read(value)).toBeUndefined();
    expect(values.read(value.subarray(1))).toBeUndefined();
    expect(values.read(null)).toBeUndefined();
  }
  const values = new NumberedValues("run-0001", 100);
  const broken = values.write(1);
  broken[99] = 0;
  expect(values.read(broken)).toBeUndefined();
});

test("a tally takes no more records than it has bytes for, and no number that nobody sent", () => {
  expect(() => new Tally(50_000_001)).toThrow(/counts up to 50000000/);
  const tally = new Tally(2);
  expect(tally.arrive(2, 0)).toBe(false);
  tally.acknowledge(2);
  expect(tally).toMatchObject({ acknowledged: 0, arrived: 0, missing: 0 });
  // The arrival may be faster than the acknowledgement.
  tally.arrive(0, 0);
  tally.acknowledge(0);
  expect(tally.missing).toBe(0);
});
