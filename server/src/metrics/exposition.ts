// `/metrics`: looks at the broker's parts and writes what it sees in Prometheus's text form, by prom-client, which is loaded
// with the first scrape. A registry per broker: many may run in one process.
//
// Invariant: the number of series is bounded by the settings, whatever topics and groups there are; what is left out is counted.

import type { Registry } from "prom-client";
import type { Histogram } from "./histogram.ts";
import type { Meters } from "./meters.ts";
import { type MetricDefinition, type MetricName, metricDefinitions } from "./metric-table.ts";

/** What is looked at, once per scrape. */
export interface MetricSources {
  readonly meters: Meters;
  readonly maxPartitions: number;
  readonly maxGroups: number;
  readonly version: string;
  readonly startedAtMs: number;
  partitions(): Iterable<PartitionState>;
  groupMembers(): Iterable<{ readonly groupId: string; readonly members: number }>;
  /** At most `max` of them, and how many there are. */
  groupLags(max: number): Promise<{ readonly lags: readonly GroupLagState[]; readonly total: number }>;
  /** By reason. */
  rebalances(): Iterable<readonly [reason: string, count: number]>;
  rejected(): Iterable<readonly [reason: string, count: number]>;
  now(): {
    readonly topics: number;
    readonly groups: number;
    readonly connections: number;
    readonly parkedFetches: number;
    readonly tailCacheBytes: number;
    readonly walBytes: number;
    readonly databaseBytes: number;
    readonly storageFull: boolean;
    readonly eventLoopLagSeconds: number;
  };
}

interface PartitionState {
  readonly topic: string;
  readonly partition: number;
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly sizeBytes: number;
}

interface GroupLagState {
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
  readonly lag: number;
  readonly lagSeconds?: number;
}

export const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** One line: prom-client's own form of a value. */
interface Value {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly metricName?: string;
}

type Seen = ReadonlyMap<MetricName, readonly Value[]>;

export class Exposition {
  readonly #sources: MetricSources;
  #registry: Promise<Registry> | undefined;
  #seen: Seen = new Map();
  #running: Promise<string> | undefined;

  constructor(sources: MetricSources) {
    this.#sources = sources;
  }

  /** The whole text. Scrapes that come while one runs get its answer: they cannot pile up. */
  text(): Promise<string> {
    this.#running ??= this.#scrape().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #scrape(): Promise<string> {
    this.#registry ??= this.#createRegistry();
    const registry = await this.#registry;
    this.#seen = await look(this.#sources);
    return await registry.metrics();
  }

  async #createRegistry(): Promise<Registry> {
    const { Registry } = await import("prom-client");
    const registry = new Registry();
    for (const [name, definition] of Object.entries<MetricDefinition>(metricDefinitions)) {
      const metric = {
        name,
        help: definition.text,
        type: definition.type,
        get: async () => ({
          name,
          help: definition.text,
          type: definition.type,
          values: this.#seen.get(name as MetricName) ?? [],
        }),
      };
      // Sound: of a metric that is not its own the registry uses name and get() only.
      registry.registerMetric(metric as unknown as Parameters<Registry["registerMetric"]>[0]);
    }
    return registry;
  }
}

async function look(sources: MetricSources): Promise<Seen> {
  const seen = new Map<MetricName, Value[]>();
  const add = (name: MetricName, value: number, labels: Value["labels"] = {}) => {
    const values = seen.get(name);
    if (values === undefined) seen.set(name, [{ value, labels }]);
    else values.push({ value, labels });
  };
  lookAtPartitions(sources, add);
  await lookAtGroups(sources, add);
  for (const [reason, count] of sources.rejected()) add("brooklet_rejected_total", count, { reason });
  lookAtTotals(sources, add);
  lookAtProcess(sources, add);
  const { meters } = sources;
  const requests = [...meters.requests].flatMap(([api, histogram]) =>
    linesOf("brooklet_request_duration_seconds", histogram, { api }),
  );
  seen.set("brooklet_request_duration_seconds", requests);
  seen.set(
    "brooklet_storage_commit_duration_seconds",
    linesOf("brooklet_storage_commit_duration_seconds", meters.commits, {}),
  );
  return seen;
}

type Add = (name: MetricName, value: number, labels?: Value["labels"]) => void;

function lookAtPartitions({ partitions, maxPartitions }: MetricSources, add: Add): void {
  let count = 0;
  for (const { topic, partition, ...state } of partitions()) {
    if (++count > maxPartitions) continue;
    const labels = { topic, partition };
    add("brooklet_topic_partition_start_offset", state.logStartOffset, labels);
    add("brooklet_topic_partition_end_offset", state.highWatermark, labels);
    add("brooklet_topic_partition_last_stable_offset", state.lastStableOffset, labels);
    add("brooklet_topic_partition_size_bytes", state.sizeBytes, labels);
  }
  add("brooklet_partitions", count);
  add("brooklet_series_left_out", Math.max(0, count - maxPartitions), { of: "partitions" });
}

async function lookAtGroups(sources: MetricSources, add: Add): Promise<void> {
  const { maxGroups, maxPartitions } = sources;
  let count = 0;
  for (const { groupId, members } of sources.groupMembers())
    if (++count <= maxGroups) add("brooklet_consumer_group_members", members, { group: groupId });
  add("brooklet_series_left_out", Math.max(0, count - maxGroups), { of: "groups" });
  const { lags, total } = await sources.groupLags(maxPartitions);
  for (const { groupId, topic, partition, lag, lagSeconds } of lags) {
    const labels = { group: groupId, topic, partition };
    add("brooklet_consumer_group_lag", lag, labels);
    if (lagSeconds !== undefined) add("brooklet_consumer_group_lag_seconds", lagSeconds, labels);
  }
  add("brooklet_series_left_out", total - lags.length, { of: "groupPartitions" });
  for (const [reason, count] of sources.rebalances())
    add("brooklet_consumer_group_rebalances_total", count, { reason });
}

function lookAtTotals({ meters, now }: MetricSources, add: Add): void {
  const { recordsIn, recordsOut, bytesIn, bytesOut } = meters;
  add("brooklet_records_in_total", recordsIn);
  add("brooklet_records_out_total", recordsOut);
  add("brooklet_bytes_in_total", bytesIn);
  add("brooklet_bytes_out_total", bytesOut);
  const state = now();
  add("brooklet_topics", state.topics);
  add("brooklet_consumer_groups", state.groups);
  add("brooklet_connections", state.connections);
  add("brooklet_parked_fetches", state.parkedFetches);
  add("brooklet_tail_cache_bytes", state.tailCacheBytes);
  add("brooklet_wal_bytes", state.walBytes);
  add("brooklet_database_bytes", state.databaseBytes);
  add("brooklet_storage_full", state.storageFull ? 1 : 0);
  add("brooklet_event_loop_lag_seconds", state.eventLoopLagSeconds);
}

function lookAtProcess({ version, startedAtMs }: MetricSources, add: Add): void {
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  add("brooklet_build_info", 1, { version, node: process.version });
  add("process_resident_memory_bytes", rss);
  add("process_heap_bytes", heapUsed);
  add("process_cpu_seconds_total", (user + system) / 1_000_000);
  add("process_start_time_seconds", startedAtMs / 1000);
}

function linesOf(name: MetricName, histogram: Histogram, labels: Value["labels"]): Value[] {
  return [
    ...histogram.cumulative().map(({ le, count }) => ({
      metricName: `${name}_bucket`,
      value: count,
      labels: { ...labels, le },
    })),
    { metricName: `${name}_sum`, value: histogram.sum, labels },
    { metricName: `${name}_count`, value: histogram.count, labels },
  ];
}
