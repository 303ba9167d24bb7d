// The metrics of `/metrics`: one table of names, types, labels and texts. The exposition, the reference page and the tests
// follow it. Units are last in names, as Prometheus wants them.

export interface MetricDefinition {
  readonly type: "counter" | "gauge" | "histogram";
  /** Without `le`. */
  readonly labels: readonly string[];
  readonly text: string;
  /** Which setting bounds the number of its series; absent: a handful. */
  readonly boundedBy?: "max.metric.partitions" | "max.metric.groups";
}

const byPartition = { labels: ["topic", "partition"], boundedBy: "max.metric.partitions" } as const;
const byGroupPartition = { labels: ["group", "topic", "partition"], boundedBy: "max.metric.partitions" } as const;

export const metricDefinitions = {
  brooklet_consumer_group_lag: {
    type: "gauge",
    ...byGroupPartition,
    text: "Records between a group's committed offset and the end of the partition.",
  },
  brooklet_consumer_group_lag_seconds: {
    type: "gauge",
    ...byGroupPartition,
    text: "For how long the oldest record that the group has not committed has been in the log; 0 when there is none.",
  },
  brooklet_consumer_group_members: {
    type: "gauge",
    labels: ["group"],
    boundedBy: "max.metric.groups",
    text: "Members of a group.",
  },
  brooklet_consumer_group_rebalances_total: {
    type: "counter",
    labels: ["reason"],
    text: "New epochs of all groups since the broker started, by what brought them about.",
  },
  brooklet_consumer_groups: { type: "gauge", labels: [], text: "Groups." },
  brooklet_topic_partition_start_offset: {
    type: "gauge",
    ...byPartition,
    text: "The first offset that is still there.",
  },
  brooklet_topic_partition_end_offset: {
    type: "gauge",
    ...byPartition,
    text: "The offset after the last durable record (the high watermark).",
  },
  brooklet_topic_partition_last_stable_offset: {
    type: "gauge",
    ...byPartition,
    text: "Where a read_committed reader's view ends.",
  },
  brooklet_topic_partition_size_bytes: { type: "gauge", ...byPartition, text: "Encoded batches of the partition." },
  brooklet_partitions: { type: "gauge", labels: [], text: "Partitions of all topics, internal ones too." },
  brooklet_topics: { type: "gauge", labels: [], text: "Topics, internal ones too." },
  brooklet_series_left_out: {
    type: "gauge",
    labels: ["of"],
    text: "Partitions, groups and committed partitions without series of their own because of max.metric.partitions and max.metric.groups.",
  },
  brooklet_records_in_total: { type: "counter", labels: [], text: "Records stored, or sent with acks=0." },
  brooklet_records_out_total: { type: "counter", labels: [], text: "Records in answers to fetches." },
  brooklet_bytes_in_total: { type: "counter", labels: [], text: "Encoded bytes of the records stored." },
  brooklet_bytes_out_total: {
    type: "counter",
    labels: [],
    text: "Encoded bytes of the records in answers to fetches.",
  },
  brooklet_request_duration_seconds: {
    type: "histogram",
    labels: ["api"],
    text: "From the arrival of a request to its answer, the time a fetch waits for records included.",
  },
  brooklet_storage_commit_duration_seconds: {
    type: "histogram",
    labels: [],
    text: "One transaction of the storage, its sync included.",
  },
  brooklet_wal_bytes: {
    type: "gauge",
    labels: [],
    text: "The write-ahead log beside the data file; 0 when ephemeral.",
  },
  brooklet_database_bytes: { type: "gauge", labels: [], text: "The data file, or the database in memory." },
  brooklet_storage_full: { type: "gauge", labels: [], text: "1 while the disk is full and produce is refused." },
  brooklet_tail_cache_bytes: { type: "gauge", labels: [], text: "Memory that keeps the newest batches." },
  brooklet_event_loop_lag_seconds: {
    type: "gauge",
    labels: [],
    text: "The longest that the event loop was late within the last 15 s; looked at from the first scrape on.",
  },
  brooklet_connections: { type: "gauge", labels: [], text: "Open WebSockets." },
  brooklet_parked_fetches: { type: "gauge", labels: [], text: "Fetches that wait for records." },
  brooklet_rejected_total: {
    type: "counter",
    labels: ["reason"],
    text: "What was refused at the door, by reason.",
  },
  brooklet_build_info: { type: "gauge", labels: ["version", "node"], text: "Always 1." },
  process_resident_memory_bytes: { type: "gauge", labels: [], text: "Memory of the whole process." },
  process_heap_bytes: { type: "gauge", labels: [], text: "JavaScript heap in use." },
  process_cpu_seconds_total: { type: "counter", labels: [], text: "Processor time of the whole process." },
  process_start_time_seconds: { type: "gauge", labels: [], text: "When the broker started, since 1970." },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof metricDefinitions;
