// Every row of the limits and the test that crosses it: what happens above the limit is what the row says.

import type { LimitName } from "../../../server/src/limits.ts";
import { at, type Shown } from "./shown.ts";

const wire = at("contract/bad-input/wire.test.ts");
const flow = at("unit/listeners/session-flow.test.ts");
const webSocket = at("integration/listeners/websocket.test.ts");
const attacks = at("integration/listeners/attacks.test.ts");
const connections = at("integration/listeners/connections.test.ts");
const topics = at("unit/log/topics.test.ts");
const parked = at("unit/log/parked-fetch.test.ts");
const streams = at("integration/listeners/stream.test.ts");
const groups = at("unit/groups/refusals.test.ts");

export const shownLimits = {
  "frame payload": webSocket("a message beyond the limit is refused with 1009"),
  "frame header": wire("%s closes the WebSocket with the reason, and is a frame with the error over HTTP"),
  "frame header before hello": attacks("a hello above 64 KiB, and anything else before hello, ends the socket at once"),
  "answer header": at("unit/listeners/session.test.ts")(
    "an answer whose header would not fit a frame is refused instead",
  ),
  "JSON depth": attacks("JSON with %s is refused at every door"),
  "JSON keys": attacks("JSON with %s is refused at every door"),
  "record batch": wire(`produce by \${door}: %s`),
  "unpacked batch": at("integration/compression/end-to-end.test.ts")(
    "a bomb is refused, by name of the bound, and the broker goes on",
  ),
  "readable records": at("integration/listeners/http.test.ts")(
    "JSON without records is as long as a frame's header may be; records in JSON are bounded in number",
  ),
  "topic name": topics("%s is refused, also when only validating"),
  "group, member and client ids": groups("illegal joins"),
  "commit metadata": at("unit/groups/commits.test.ts")("illegal items are refused one by one"),
  "HTTP headers": at("integration/listeners/guard.test.ts")("%s is answered, and the broker goes on"),
  "request grant": flow(
    "above the grant a request is refused, retriably; heartbeats and commits never are; answers free the grant",
  ),
  "unanswered requests": flow(
    "unanswered requests are bounded by number; what may not be refused ends the connection in the end",
  ),
  "reply grant": at("unit/log/fetch.test.ts")("max.reply.bytes clips whatever was asked for"),
  "unread answers": at("integration/listeners/slow-client.test.ts")(
    "a client that does not read gets a bounded part; the rest is refused or not read; all is answered in the end",
  ),
  "requests sent ahead by HTTP": connections("requests sent ahead on one HTTP connection are bounded"),
  fragments: attacks("%s on a WebSocket ends it with a code"),
  "buffered chunks": at("unit/listeners/websocket-door.test.ts")(
    "a message in too many small pieces is refused with 1008, one in many is taken",
  ),
  "ping rate": webSocket("a flood of pings ends the connection and says why; what a network bunches up does not"),
  silence: webSocket("a connection that answers no ping is cut; one that is only quiet stays"),
  connections: connections("sockets are bounded by max.connections, whatever they speak"),
  "connections per address": connections(
    "one address has max.connections.per.ip sockets, and as many again when they are gone",
  ),
  "unauthenticated sockets": connections("sockets that do not say hello are bounded, and leave room for those who do"),
  "handshake time": attacks(
    "headers that never end, and connections that never speak, are cut after handshake.timeout.ms",
  ),
  "request time": attacks("a body that never ends is cut after http.request.timeout.ms"),
  "wrong tokens": at("unit/listeners/authenticator.test.ts")(
    "after too many wrong tokens of an address each further one is answered late, in the same words, until the minute is over",
  ),
  "request bytes of all": flow(
    "many connections, each within its grant, are bounded together; what they no longer owe is free again",
  ),
  "unread answers of all": flow(
    "what all clients together do not read is bounded: who holds the most is closed and told why, the others are not",
  ),
  "HTTP bodies of all": at("unit/listeners/http-load.test.ts")(
    "bodies of all requests are bounded, by what they announce; one alone is always taken",
  ),
  "unread HTTP answers of all": connections(
    "HTTP answers that nobody reads are bounded in all; when they are gone there is room again",
  ),
  "staged records": at("unit/log/failed-turns.test.ts")(
    "producers that do not wait for answers cannot pile up records in front of a disk that does not keep up",
  ),
  "parked fetches": parked("fetches beyond max.parked.fetches are refused"),
  "fetch wait": parked("no fetch waits longer than fetch.max.wait.ms"),
  "event streams": streams("max.stream.readers bounds them, and who leaves makes room"),
  "partitions of an event stream": streams("%s%s is refused before the stream begins: %i %s"),
  "stalled event stream": at("unit/listeners/event-stream.test.ts")(
    "nothing is fetched for a reader that does not read; after 30 s it is cut, and told why if it looks",
  ),
  "streams of records": at("integration/listeners/ndjson.test.ts")(
    "max.stream.writers bounds streams of records, and they hold up nobody else",
  ),
  "tail cache": at("unit/log/tail-cache.test.ts")("the oldest slabs go first, and the budget holds"),
  topics: topics("limits count what is staged, too, and what is deleted makes room"),
  partitions: topics("%s is refused, also when only validating"),
  "partitions of a topic": topics("%s is refused, also when only validating"),
  groups: groups("groups are bounded; those without members and offsets make room"),
  members: groups("illegal joins"),
  "pattern length": at("unit/groups/patterns.test.ts")(
    "what is not RE2, too long or too large is refused with the reason, and changes nothing",
  ),
  "pattern cost": at("unit/groups/patterns.test.ts")(
    "what is not RE2, too long or too large is refused with the reason, and changes nothing",
  ),
  patterns: at("unit/groups/patterns.test.ts")("the bound on patterns holds within one turn, too"),
  "timelines of all": at("unit/groups/timeline.test.ts")(
    "above the bound what happened longest ago goes, of the group where nothing has happened for the longest time",
  ),
  "compressed records": at("unit/log/produce-line.test.ts")("what waits is bounded; one request alone always may"),
  "compressed batches": at("unit/log/produce-line.test.ts")(
    "how many batches wait is bounded too, however small they are",
  ),
  "metric series": at("unit/metrics/exposition.test.ts")("series are bounded, and what is left out is counted"),
} satisfies Record<LimitName, Shown>;
