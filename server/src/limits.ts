// Every limit that a peer can run into, as one table: which setting or constant it is, and what happens above it. The
// reference page is rendered from it; a test holds it equal to the code and to the tests that cross each limit.

import type { SettingName } from "./settings.ts";

/** How a peer learns of it. */
export type LimitAnswer =
  /** An error of this code answers the request. */
  | { readonly error: string }
  /** The WebSocket is closed with this code, and a reason. */
  | { readonly close: number }
  /** An HTTP status answers, and the connection ends. */
  | { readonly status: number }
  /** The socket is dropped: nothing can be said yet. */
  | { readonly drop: true }
  /** Nothing is refused: what is above is left out, forgotten or waited for. */
  | { readonly holds: string };

export type Limit = {
  readonly name: string;
  readonly unit: "bytes" | "characters" | "count" | "ms" | "per second" | "levels";
  /** What happens above it, in order of the doors. */
  readonly above: readonly LimitAnswer[];
  readonly text: string;
} & (
  | { readonly setting: SettingName }
  /** A constant that is no setting, with the file (below the repository) and the name it has there. */
  | { readonly value: number; readonly constant: readonly [file: string, name: string] }
);

const KIB = 1024;
const MIB = 1024 * KIB;
const THROTTLED = { error: "THROTTLING_QUOTA_EXCEEDED" } as const;
const LISTENERS = "server/src/listeners";

export const limits = [
  // ---- one request
  {
    name: "frame payload",
    setting: "socket.request.max.bytes",
    unit: "bytes",
    above: [{ close: 1009 }, { error: "RECORD_LIST_TOO_LARGE" }],
    text: "Record bytes of one request.",
  },
  {
    name: "frame header",
    value: MIB,
    constant: ["protocol/src/limits.ts", "MAX_HEADER_BYTES"],
    unit: "bytes",
    above: [{ close: 1002 }, { error: "INVALID_REQUEST" }],
    text: "The JSON header of a frame, and a JSON request without records.",
  },
  {
    name: "frame header before hello",
    value: 64 * KIB,
    constant: ["protocol/src/limits.ts", "MAX_HEADER_BYTES_BEFORE_HELLO"],
    unit: "bytes",
    above: [{ close: 1009 }],
    text: "The first frame of a WebSocket.",
  },
  {
    name: "answer header",
    value: 16 * MIB,
    constant: ["protocol/src/limits.ts", "MAX_ANSWER_HEADER_BYTES"],
    unit: "bytes",
    above: [{ error: "POLICY_VIOLATION" }],
    text: "The JSON header of an answer that only reads; ask for fewer topics, partitions or groups at a time.",
  },
  {
    name: "JSON depth",
    value: 32,
    constant: ["protocol/src/limits.ts", "MAX_JSON_DEPTH"],
    unit: "levels",
    above: [{ close: 1002 }, { error: "INVALID_REQUEST" }],
    text: "Nesting of a frame header; counted before it is parsed. Record values are never parsed.",
  },
  {
    name: "JSON keys",
    value: 10_000,
    constant: ["protocol/src/limits.ts", "MAX_JSON_KEYS"],
    unit: "count",
    above: [{ close: 1002 }, { error: "INVALID_REQUEST" }],
    text: "Keys of one object in a frame header.",
  },
  {
    name: "record batch",
    setting: "message.max.bytes",
    unit: "bytes",
    above: [{ error: "MESSAGE_TOO_LARGE" }],
    text: "One encoded batch; a topic's max.message.bytes goes first.",
  },
  {
    name: "unpacked batch",
    setting: "max.decompressed.batch.bytes",
    unit: "bytes",
    above: [{ error: "MESSAGE_TOO_LARGE" }],
    text: "The records of one compressed batch.",
  },
  {
    name: "readable records",
    value: 100_000,
    constant: [`${LISTENERS}/readable-records.ts`, "MAX_RECORDS"],
    unit: "count",
    above: [{ error: "INVALID_REQUEST" }],
    text: "Records of one request in readable form.",
  },
  {
    name: "topic name",
    value: 249,
    constant: ["protocol/src/names.ts", "MAX_TOPIC_NAME_LENGTH"],
    unit: "characters",
    above: [{ error: "INVALID_TOPIC_EXCEPTION" }],
    text: "Of [a-zA-Z0-9._-].",
  },
  {
    name: "group, member and client ids",
    value: 256,
    constant: ["protocol/src/names.ts", "MAX_ID_LENGTH"],
    unit: "characters",
    above: [{ error: "INVALID_GROUP_ID" }, { error: "INVALID_REQUEST" }],
    text: "Without control characters.",
  },
  {
    name: "commit metadata",
    setting: "offset.metadata.max.bytes",
    unit: "characters",
    above: [{ error: "OFFSET_METADATA_TOO_LARGE" }],
    text: "Beside one committed offset; counted as Kafka counts, in UTF-16 units.",
  },
  {
    name: "HTTP headers",
    value: 16 * KIB,
    constant: [`${LISTENERS}/http.ts`, "MAX_REQUEST_HEADERS_BYTES"],
    unit: "bytes",
    above: [{ status: 431 }],
    text: "All headers of one request by HTTP.",
  },
  // ---- one connection
  {
    name: "request grant",
    setting: "max.in.flight.request.bytes",
    unit: "bytes",
    above: [THROTTLED, { holds: "above twice the grant the socket is not read until answers have left" }],
    text: "Unanswered request bytes; heartbeats and commits are never refused for it.",
  },
  {
    name: "unanswered requests",
    value: 1000,
    constant: [`${LISTENERS}/flow.ts`, "MAX_UNANSWERED_REQUESTS"],
    unit: "count",
    above: [THROTTLED, { close: 1008 }],
    text: "Of one WebSocket; heartbeats and commits may go as far again, then it is closed.",
  },
  {
    name: "reply grant",
    setting: "max.reply.bytes",
    unit: "bytes",
    above: [{ holds: "the answer is clipped; its first batch is always whole" }],
    text: "Record bytes of one fetch answer.",
  },
  {
    name: "unread answers",
    value: 4 * MIB,
    constant: [`${LISTENERS}/flow.ts`, "MAX_UNREAD_OUTPUT_BYTES"],
    unit: "bytes",
    above: [THROTTLED, { close: 1013 }],
    text: "Of one WebSocket, beyond one whole fetch answer: reads are refused, and after 30 s it is closed.",
  },
  {
    name: "requests sent ahead by HTTP",
    value: 16,
    constant: [`${LISTENERS}/http-load.ts`, "MAX_PIPELINED_REQUESTS"],
    unit: "count",
    above: [THROTTLED],
    text: "Unanswered requests of one HTTP connection.",
  },
  {
    name: "fragments",
    value: 128,
    constant: [`${LISTENERS}/websocket.ts`, "MAX_FRAGMENTS"],
    unit: "count",
    above: [{ close: 1008 }],
    text: "Of one WebSocket message.",
  },
  {
    name: "buffered chunks",
    value: 65_536,
    constant: [`${LISTENERS}/websocket.ts`, "MAX_BUFFERED_CHUNKS"],
    unit: "count",
    above: [{ close: 1008 }],
    text: "Socket reads of which one WebSocket message consists.",
  },
  {
    name: "ping rate",
    setting: "max.pings.per.second",
    unit: "per second",
    above: [{ close: 1008 }],
    text: "WebSocket pings; ten seconds' worth may come at once.",
  },
  {
    name: "silence",
    setting: "idle.timeout.ms",
    unit: "ms",
    above: [{ drop: true }],
    text: "A WebSocket that answers no ping; half of it for an HTTP connection between two requests.",
  },
  // ---- who comes
  {
    name: "connections",
    setting: "max.connections",
    unit: "count",
    above: [{ status: 503 }, { close: 1013 }],
    text: "Open sockets.",
  },
  {
    name: "connections per address",
    setting: "max.connections.per.ip",
    unit: "count",
    above: [{ status: 503 }],
    text: "Open sockets of one IP address.",
  },
  {
    name: "unauthenticated sockets",
    setting: "max.unauthenticated.connections",
    unit: "count",
    above: [{ close: 1013 }],
    text: "WebSockets that have not said hello.",
  },
  {
    name: "handshake time",
    setting: "handshake.timeout.ms",
    unit: "ms",
    above: [{ close: 1008 }, { status: 408 }],
    text: "Until a WebSocket's hello, or the end of a request's headers.",
  },
  {
    name: "request time",
    setting: "http.request.timeout.ms",
    unit: "ms",
    above: [{ status: 408 }],
    text: "Until a request by HTTP has arrived whole.",
  },
  {
    name: "wrong tokens",
    value: 20,
    constant: [`${LISTENERS}/authenticator.ts`, "MAX_WRONG_TOKENS"],
    unit: "count",
    above: [{ holds: "each further one is answered a second late, and the right one at once" }],
    text: "Of one address within a minute; IPv6 counts by /64 network.",
  },
  // ---- all together
  {
    name: "request bytes of all",
    value: 256 * MIB,
    constant: [`${LISTENERS}/flow.ts`, "MAX_REQUEST_BYTES_IN_ALL"],
    unit: "bytes",
    above: [THROTTLED],
    text: "Unanswered request bytes of all WebSockets.",
  },
  {
    name: "unread answers of all",
    value: 256 * MIB,
    constant: [`${LISTENERS}/flow.ts`, "MAX_UNREAD_OUTPUT_BYTES_IN_ALL"],
    unit: "bytes",
    above: [{ close: 1013 }],
    text: "Of all WebSockets; who holds the most is closed.",
  },
  {
    name: "HTTP bodies of all",
    value: 256 * MIB,
    constant: [`${LISTENERS}/http-load.ts`, "MAX_BODY_BYTES_IN_ALL"],
    unit: "bytes",
    above: [THROTTLED],
    text: "Bodies of all requests that are being received or handled.",
  },
  {
    name: "unread HTTP answers of all",
    value: 256 * MIB,
    constant: [`${LISTENERS}/http-load.ts`, "MAX_ANSWER_BYTES_IN_ALL"],
    unit: "bytes",
    above: [THROTTLED],
    text: "Answers by HTTP that clients have not taken.",
  },
  {
    name: "staged records",
    value: 256 * MIB,
    constant: ["server/src/storage/turns.ts", "MAX_STAGED_BYTES"],
    unit: "bytes",
    above: [THROTTLED],
    text: "Record bytes that wait for the disk.",
  },
  {
    name: "compressed records",
    value: 64 * MIB,
    constant: ["server/src/log/produce-line.ts", "MAX_WAITING_BYTES"],
    unit: "bytes",
    above: [THROTTLED],
    text: "Record bytes of all producers that wait until their compressed batches are checked.",
  },
  {
    name: "compressed batches",
    value: 10_000,
    constant: ["server/src/log/produce-line.ts", "MAX_WAITING_ITEMS"],
    unit: "count",
    above: [THROTTLED],
    text: "Requests, and batches in them, that wait until they are checked.",
  },
  {
    name: "parked fetches",
    setting: "max.parked.fetches",
    unit: "count",
    above: [THROTTLED],
    text: "Fetches that wait for records.",
  },
  {
    name: "fetch wait",
    setting: "fetch.max.wait.ms",
    unit: "ms",
    above: [{ holds: "the fetch is answered with what there is" }],
    text: "The longest that a fetch is parked.",
  },
  {
    name: "event streams",
    setting: "max.stream.readers",
    unit: "count",
    above: [THROTTLED],
    text: "Open readers of GET /v1/topics/{topic}/stream.",
  },
  {
    name: "partitions of an event stream",
    value: 250,
    constant: [`${LISTENERS}/stream-positions.ts`, "MAX_STREAM_PARTITIONS"],
    unit: "count",
    above: [{ error: "POLICY_VIOLATION" }],
    text: "Each event names the positions of all of them; partition= reads one.",
  },
  {
    name: "stalled event stream",
    value: 30_000,
    constant: [`${LISTENERS}/event-stream.ts`, "STALL_MS"],
    unit: "ms",
    above: [THROTTLED],
    text: "A reader that takes nothing for so long is cut, and can go on where it was.",
  },
  {
    name: "streams of records",
    setting: "max.stream.writers",
    unit: "count",
    above: [THROTTLED],
    text: "Bodies of application/x-ndjson that are being received.",
  },
  {
    name: "tail cache",
    setting: "tail.cache.bytes",
    unit: "bytes",
    above: [{ holds: "the oldest batches are read from the disk" }],
    text: "Memory that keeps the newest batches.",
  },
  {
    name: "topics",
    setting: "max.topics",
    unit: "count",
    above: [{ error: "POLICY_VIOLATION" }],
    text: "Topics of the broker.",
  },
  {
    name: "partitions",
    setting: "max.partitions",
    unit: "count",
    above: [{ error: "POLICY_VIOLATION" }],
    text: "Partitions of all topics.",
  },
  {
    name: "partitions of a topic",
    value: 10_000,
    constant: ["server/src/log/topic-checks.ts", "MAX_PARTITIONS_PER_TOPIC"],
    unit: "count",
    above: [{ error: "INVALID_PARTITIONS" }],
    text: "Partitions of one topic.",
  },
  {
    name: "groups",
    setting: "max.groups",
    unit: "count",
    above: [{ error: "COORDINATOR_NOT_AVAILABLE" }],
    text: "Groups of the broker.",
  },
  {
    name: "members",
    setting: "group.max.size",
    unit: "count",
    above: [{ error: "GROUP_MAX_SIZE_REACHED" }],
    text: "Members of one group.",
  },
  {
    name: "pattern length",
    setting: "group.max.pattern.length",
    unit: "characters",
    above: [{ error: "INVALID_REGULAR_EXPRESSION" }],
    text: "A subscription pattern.",
  },
  {
    name: "pattern cost",
    value: 64,
    constant: ["server/src/groups/patterns.ts", "MORE_INSTRUCTIONS"],
    unit: "count",
    above: [{ error: "INVALID_REGULAR_EXPRESSION" }],
    text: "Instructions of a compiled subscription pattern beyond group.max.pattern.length; repetitions multiply them.",
  },
  {
    name: "patterns",
    value: 1_000,
    constant: ["server/src/groups/patterns.ts", "MAX_PATTERNS"],
    unit: "count",
    above: [{ error: "COORDINATOR_NOT_AVAILABLE" }],
    text: "Different subscription patterns of all groups.",
  },
  {
    name: "timelines of all",
    value: 64 * MIB,
    constant: ["server/src/groups/timeline.ts", "MAX_BYTES_IN_ALL"],
    unit: "bytes",
    above: [{ holds: "the oldest entry of the quietest group is forgotten" }],
    text: "The timelines of all groups together with their refused commits, in memory.",
  },
  {
    name: "metric series",
    setting: "max.metric.partitions",
    unit: "count",
    above: [{ holds: "the others are left out, and counted in brooklet_series_left_out" }],
    text: "Partitions with metrics of their own; max.metric.groups bounds groups.",
  },
] as const satisfies readonly Limit[];

export type LimitName = (typeof limits)[number]["name"];
