// The text of /metrics from parts that a test holds: every metric of the table, labels escaped, series bounded.

import { encodeBatch } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { Exposition, type MetricSources } from "../../../server/src/metrics/exposition.ts";
import { DURATION_BUCKETS_S, Histogram } from "../../../server/src/metrics/histogram.ts";
import { LoopLag } from "../../../server/src/metrics/loop-lag.ts";
import { Meters } from "../../../server/src/metrics/meters.ts";
import { type MetricDefinition, metricDefinitions } from "../../../server/src/metrics/metric-table.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";

const partition = (topic: string, index: number) => ({
  topic,
  partition: index,
  logStartOffset: 1,
  highWatermark: 10 + index,
  lastStableOffset: 9,
  sizeBytes: 100,
});

function sources(more: Partial<MetricSources> = {}): MetricSources {
  const meters = new Meters(() => 1500);
  meters.finished("fetch", 1000);
  meters.commits.observe(0.002);
  return {
    meters,
    maxPartitions: 1000,
    maxGroups: 1000,
    version: "1.2.3",
    startedAtMs: 5000,
    partitions: () => [partition("orders", 0)],
    groupMembers: () => [{ groupId: "billing", members: 2 }],
    groupLags: async () => ({
      lags: [{ groupId: "billing", topic: "orders", partition: 0, lag: 7, lagSeconds: 1.5 }],
      total: 1,
    }),
    rebalances: () => [["join", 3]],
    rejected: () => [["host", 4]],
    now: () => ({
      topics: 1,
      groups: 1,
      connections: 5,
      parkedFetches: 6,
      tailCacheBytes: 7,
      walBytes: 8,
      databaseBytes: 9,
      storageFull: false,
      eventLoopLagSeconds: 0.01,
    }),
    ...more,
  };
}

/** What a scraper reads: each line's name, labels and value, with the metric it belongs to. */
function parse(text: string) {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const match = /^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)$/.exec(line);
      if (match === null) throw new Error(`no sample: ${line}`);
      const labels = [...(match[2] ?? "").matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map((pair) => pair[1] ?? "");
      return { name: match[1] ?? "", labels, value: Number(match[3]), line };
    });
}

test("every metric of the table is there with its type, text and labels, and nothing else is", async () => {
  const text = await new Exposition(sources()).text();
  for (const [name, { type, text: help }] of Object.entries<MetricDefinition>(metricDefinitions)) {
    expect(text).toContain(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`);
  }
  expect(text.match(/^# TYPE /gm)).toHaveLength(Object.keys(metricDefinitions).length);
  const definitions = new Map<string, MetricDefinition>(Object.entries(metricDefinitions));
  const seen = new Set<string>();
  for (const { name, labels } of parse(text)) {
    const base = definitions.has(name) ? name : name.replace(/_(bucket|sum|count)$/, "");
    seen.add(base);
    expect(
      labels.filter((label) => label !== "le"),
      name,
    ).toEqual(definitions.get(base)?.labels);
  }
  expect([...seen].sort()).toEqual([...definitions.keys()].sort());
});

test("names follow Prometheus: counters end in _total, durations in _seconds, sizes in _bytes", () => {
  for (const [name, { type, text }] of Object.entries<MetricDefinition>(metricDefinitions)) {
    expect(name).toMatch(/^(brooklet|process)_[a-z_]+$/);
    expect(name.endsWith("_total"), name).toBe(type === "counter");
    if (type === "histogram") expect(name).toMatch(/_seconds$/);
    expect(text).toMatch(/^[A-Z01].*\.$/);
  }
});

test("values are what the parts say", async () => {
  const text = await new Exposition(sources()).text();
  for (const line of [
    'brooklet_consumer_group_lag{group="billing",topic="orders",partition="0"} 7',
    'brooklet_consumer_group_lag_seconds{group="billing",topic="orders",partition="0"} 1.5',
    'brooklet_consumer_group_members{group="billing"} 2',
    'brooklet_consumer_group_rebalances_total{reason="join"} 3',
    'brooklet_topic_partition_start_offset{topic="orders",partition="0"} 1',
    'brooklet_topic_partition_end_offset{topic="orders",partition="0"} 10',
    'brooklet_topic_partition_last_stable_offset{topic="orders",partition="0"} 9',
    'brooklet_rejected_total{reason="host"} 4',
    'brooklet_request_duration_seconds_bucket{api="fetch",le="0.25"} 0',
    'brooklet_request_duration_seconds_bucket{api="fetch",le="0.5"} 1',
    'brooklet_request_duration_seconds_bucket{api="fetch",le="+Inf"} 1',
    'brooklet_request_duration_seconds_sum{api="fetch"} 0.5',
    'brooklet_request_duration_seconds_count{api="fetch"} 1',
    "brooklet_storage_commit_duration_seconds_count 1",
    "brooklet_wal_bytes 8",
    "process_start_time_seconds 5",
  ]) {
    expect(text.split("\n")).toContain(line);
  }
});

test("an unknown lag in seconds has no line, rather than a wrong one", async () => {
  const text = await new Exposition(
    sources({ groupLags: async () => ({ lags: [{ groupId: "g", topic: "t", partition: 0, lag: 7 }], total: 1 }) }),
  ).text();
  expect(text).toContain('brooklet_consumer_group_lag{group="g"');
  expect(text).not.toContain("brooklet_consumer_group_lag_seconds{");
});

test("series are bounded, and what is left out is counted", async () => {
  const text = await new Exposition(
    sources({
      maxPartitions: 3,
      maxGroups: 2,
      partitions: () => Array.from({ length: 10 }, (_, index) => partition("wide", index)),
      groupMembers: () => Array.from({ length: 5 }, (_, index) => ({ groupId: `g${index}`, members: 0 })),
      groupLags: async (max) => ({
        lags: Array.from({ length: max }, (_, index) => ({ groupId: "g", topic: "wide", partition: index, lag: 0 })),
        total: 7,
      }),
    }),
  ).text();
  const samples = parse(text);
  const count = (name: string) => samples.filter((sample) => sample.name === name).length;
  expect(count("brooklet_topic_partition_end_offset")).toBe(3);
  expect(count("brooklet_consumer_group_members")).toBe(2);
  expect(count("brooklet_consumer_group_lag")).toBe(3);
  expect(text).toContain('brooklet_series_left_out{of="partitions"} 7');
  expect(text).toContain('brooklet_series_left_out{of="groups"} 3');
  expect(text).toContain('brooklet_series_left_out{of="groupPartitions"} 4');
  expect(text).toContain("brooklet_partitions 10");
});

test("names from outside cannot break out of their label", async () => {
  const evil = 'a"} 1\nbrooklet_fake 9\n\\';
  const text = await new Exposition(
    sources({
      groupMembers: () => [
        { groupId: evil, members: 1 },
        { groupId: "__proto__", members: 2 },
      ],
    }),
  ).text();
  expect(parse(text).map(({ name }) => name)).not.toContain("brooklet_fake");
  expect(text).toContain('brooklet_consumer_group_members{group="a\\"} 1\\nbrooklet_fake 9\\n\\\\"} 1');
  expect(text).toContain('brooklet_consumer_group_members{group="__proto__"} 2');
});

test("scrapes at the same time share one look; the next looks afresh", async () => {
  let looks = 0;
  const exposition = new Exposition(
    sources({
      groupLags: async () => {
        looks++;
        return { lags: [], total: 0 };
      },
    }),
  );
  await Promise.all(Array.from({ length: 50 }, () => exposition.text()));
  expect(looks).toBe(1);
  await exposition.text();
  expect(looks).toBe(2);
});

test("a look that fails fails its scrape only", async () => {
  let fails = true;
  const exposition = new Exposition(
    sources({
      groupLags: async () => {
        if (fails) throw new Error("no");
        return { lags: [], total: 0 };
      },
    }),
  );
  await expect(exposition.text()).rejects.toThrow("no");
  fails = false;
  expect(await exposition.text()).toContain("brooklet_consumer_group_lag");
});

test("a histogram counts each duration once, at its bound in its bucket", () => {
  const histogram = new Histogram();
  for (const bound of DURATION_BUCKETS_S) histogram.observe(bound);
  histogram.observe(1e9);
  histogram.observe(0);
  const buckets = histogram.cumulative();
  expect(buckets.map(({ count }) => count)).toEqual(
    Array.from({ length: DURATION_BUCKETS_S.length + 1 }, (_, index) => index + 2),
  );
  expect(buckets.at(-1)?.le).toBe("+Inf");
  expect(histogram.count).toBe(DURATION_BUCKETS_S.length + 2);
});

test("what is stored and handed out is counted by batch headers; refused partitions are not", () => {
  const meters = new Meters(() => 0);
  const record = { key: null, value: Buffer.from("v"), headers: [], timestamp: 1 };
  const [one, three] = [encodeBatch([record]), encodeBatch([record, record, record])];
  const both = Buffer.concat([one, three]);
  meters.produced([{ batches: both }, { batches: three }], [{}, { error: {} }]);
  expect({ records: meters.recordsIn, bytes: meters.bytesIn }).toEqual({ records: 4, bytes: both.length });
  meters.fetched(three);
  expect({ records: meters.recordsOut, bytes: meters.bytesOut }).toEqual({ records: 3, bytes: three.length });
});

test("the loop's lag is looked at from the first question on, forgotten after 15 s, and leaves no timer", async () => {
  const clock = new SimulatedClock();
  const lag = new LoopLag(clock);
  expect(clock.liveTimers).toBe(0);
  expect(lag.seconds).toBe(0);
  await clock.advance(1000);
  clock.skip(2000);
  await clock.advance(1);
  expect(lag.seconds).toBeGreaterThan(1.7);
  await clock.advance(16_000);
  expect(lag.seconds).toBe(0);
  lag.close();
  expect(clock.liveTimers).toBe(0);
});
