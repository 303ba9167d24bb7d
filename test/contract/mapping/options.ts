// Every option that works, of the clients, the broker and the topics, and the test that would fail if it had no effect. What is
// accepted without effect or refused is shown row by row by the tests of those rules (options.test.ts).

import type { BrokerOptions } from "@brooklet/server";
import type { adminOptions } from "../../../client-sdk/src/config/admin.ts";
import type { consumerOptions } from "../../../client-sdk/src/config/consumer.ts";
import type { OptionTable } from "../../../client-sdk/src/config/option.ts";
import type { producerOptions } from "../../../client-sdk/src/config/producer.ts";
import type { SettingName } from "../../../server/src/settings.ts";
import { at, type Shown } from "./shown.ts";

/** The names of the rows that have an effect: a row without its test is a type error. */
export type WorkingName<T extends OptionTable> = {
  [N in keyof T & string]: T[N]["fate"] extends "works" ? N : never;
}[keyof T & string];
type ShownOptions<T extends OptionTable> = Readonly<Record<WorkingName<T>, Shown>>;

const common = at("unit/client/common-options.test.ts");
const config = at("unit/client/config/options.test.ts");
const tokens = at("unit/client/config/token.test.ts");

const SERVERS_AND_SETUP = common(
  "bootstrap.servers and socket.connection.setup.timeout.ms: a server that is silent so long gives way to the next",
);
const HELLO = common("client.id and the token are in its hello");
const RECONNECT = common(
  "reconnect.backoff.ms and reconnect.backoff.max.ms: attempts come ever later, up to the maximum",
);
const REQUEST_TIMEOUT = common("request.timeout.ms: a request that is lost is made again after it");
const RETRY_BACKOFF = common(
  "retry.backoff.ms and retry.backoff.max.ms: a refused request is repeated ever later, up to the maximum",
);
const TOKEN = tokens("%s: every client reads the token");
const SASL = tokens("%s is one problem, which does not quote the token");

/** Producer and admin client. */
const commonOfOthers = {
  "bootstrap.servers": SERVERS_AND_SETUP,
  "client.id": HELLO,
  "request.timeout.ms": REQUEST_TIMEOUT,
  "retry.backoff.ms": RETRY_BACKOFF,
  "retry.backoff.max.ms": RETRY_BACKOFF,
  "reconnect.backoff.ms": RECONNECT,
  "reconnect.backoff.max.ms": RECONNECT,
  "socket.connection.setup.timeout.ms": SERVERS_AND_SETUP,
  "security.protocol": SASL,
  token: HELLO,
  "sasl.mechanism": SASL,
  "sasl.password": TOKEN,
  "sasl.jaas.config": TOKEN,
} as const;

export const shownAdminOptions: ShownOptions<typeof adminOptions> = {
  ...commonOfOthers,
  "default.api.timeout.ms": at("unit/client/admin/admin.test.ts")("every call ends within default.api.timeout.ms"),
  retries: common("an admin client's retries: so many repetitions, and then the error; 0 is one attempt"),
};

const producing = at("unit/client/producer/options.test.ts");
const sending = at("unit/client/producer/sending.test.ts");
const compression = at("integration/compression/end-to-end.test.ts");
const SERIALIZERS = sending("a key goes where every Kafka client would put it, a named partition is taken as it is");
const LEVELS = compression("compression.gzip.level and compression.zstd.level: a higher one stores fewer bytes");

export const shownProducerOptions: ShownOptions<typeof producerOptions> = {
  ...commonOfOthers,
  "metadata.max.age.ms": producing("metadata.max.age.ms: new partitions are seen after it"),
  "key.serializer": SERIALIZERS,
  "value.serializer": sending("null keys, tombstones, headers and timestamps arrive as they are"),
  acks: producing("acks %s goes to the broker as %i"),
  "enable.idempotence": producing("enable.idempotence false: no producer id is asked for, and batches have none"),
  retries: producing("retries: so many repetitions, and then the error; 0 is one attempt"),
  "max.in.flight.requests.per.connection": producing(
    "max.in.flight.requests.per.connection %i: so many are unanswered at most",
  ),
  "linger.ms": producing("linger.ms: a batch waits so long for company, and not longer"),
  "batch.size": producing("batch.size: a batch that is full does not linger, and 0 puts every record alone"),
  "buffer.memory": producing("max.block.ms bounds the wait for metadata and for room together"),
  "max.block.ms": producing("max.block.ms bounds the wait for metadata and for room together"),
  "max.request.size": sending(
    "a record above max.request.size, buffer.memory or the broker's limit is refused before sending",
  ),
  "delivery.timeout.ms": producing("delivery.timeout.ms: retries end there, and the error knows the last failure"),
  "compression.type": compression("%s: produced, stored as it came, consumed in order"),
  "compression.gzip.level": LEVELS,
  "compression.zstd.level": LEVELS,
  "partitioner.ignore.keys": sending("partitioner.ignore.keys treats keyed records alike"),
  "interceptor.classes": at("unit/client/producer/interceptors.test.ts")(
    "onSend changes the record, one after the other; onAcknowledgement hears where it went, before the caller",
  ),
};

const consumers = at("contract/options/consumer.test.ts");
const effects = at("integration/consumer/options.test.ts");
const fetchLimits = at("unit/consumer/fetch-limits.test.ts");
const subscriptions = at("integration/consumer/subscriptions.test.ts");

const DESERIALIZERS = consumers(
  "key.deserializer and value.deserializer make what the application gets, each on its own; without them it is bytes",
);
const HELD_BACK = effects(
  "fetch.min.bytes and fetch.max.wait.ms: an answer is held back until there is so much, or so long",
);
const BOUNDED = effects("max.partition.fetch.bytes and fetch.max.bytes bound an answer, but for its first batch");
const FETCHES_BACK_OFF = fetchLimits(
  "retry.backoff.ms and retry.backoff.max.ms: refused fetches (%s) are repeated ever later, with jitter, and start over",
);
const CONSUMER_RECONNECT = at("unit/consumer/unreachable.test.ts")(
  "reconnect.backoff.ms and reconnect.backoff.max.ms: attempts come ever later, with jitter, up to the maximum",
);

export const shownConsumerOptions: ShownOptions<typeof consumerOptions> = {
  "bootstrap.servers": at("integration/processes/bootstrap-servers.test.ts")(
    "clients follow their broker from one of bootstrap.servers to the next, and accept no other log",
  ),
  "group.id": consumers(
    "group.id: subscribe and commit need one and say so; without it there is assign, and auto commit is off",
  ),
  "group.protocol": consumers(
    "group.protocol takes both of Kafka's values in any case, says in a debug line that there is one protocol, and no third",
  ),
  "key.deserializer": DESERIALIZERS,
  "value.deserializer": DESERIALIZERS,
  "auto.offset.reset": effects(
    "auto.offset.reset: earliest reads from the beginning, latest only what comes, none is an error",
  ),
  "enable.auto.commit": effects("enable.auto.commit: what was read is committed by itself, or not"),
  "auto.commit.interval.ms": effects("auto.commit.interval.ms: how soon what earlier polls returned is committed"),
  "max.poll.records": effects("max.poll.records bounds what one poll returns"),
  "max.poll.interval.ms": effects(
    "max.poll.interval.ms: who does not poll gives its partitions to the others, with a reason they can see, and comes back",
  ),
  "session.timeout.ms": effects(
    "session.timeout.ms: a member that falls silent is put out after it, and the reason says so",
  ),
  "heartbeat.interval.ms": effects(
    "heartbeat.interval.ms: how often the member is heard, if that is less than the broker's interval",
  ),
  "group.remote.assignor": subscriptions(
    "group.remote.assignor=range gives co-partitions of two topics to the same member; uniform is the group's choice without a vote",
  ),
  "group.instance.id": at("integration/consumer/static-members.test.ts")(
    "a static member that is closed and made again keeps its partitions, and the other never stops reading",
  ),
  "isolation.level": at("unit/consumer/fetch.test.ts")("the options go into the request"),
  "client.id": effects("client.id names the member in the group's description"),
  "fetch.min.bytes": HELD_BACK,
  "fetch.max.wait.ms": HELD_BACK,
  "fetch.max.bytes": BOUNDED,
  "max.partition.fetch.bytes": BOUNDED,
  "default.api.timeout.ms": effects("default.api.timeout.ms: a call before a broker that is not there ends after it"),
  "request.timeout.ms": effects(
    "request.timeout.ms: a request that is lost on the way is given up after it and made again",
  ),
  "retry.backoff.ms": FETCHES_BACK_OFF,
  "retry.backoff.max.ms": FETCHES_BACK_OFF,
  "reconnect.backoff.ms": CONSUMER_RECONNECT,
  "reconnect.backoff.max.ms": CONSUMER_RECONNECT,
  "metadata.max.age.ms": at("unit/consumer/subscriptions.test.ts")(
    "metadata.max.age.ms: how soon new topics are noticed and deleted ones leave, also by a poll that waits",
  ),
  "allow.auto.create.topics": fetchLimits("allow.auto.create.topics=%s: whether naming a topic may create it"),
  "exclude.internal.topics": subscriptions("exclude.internal.topics: whether a RegExp matches __consumer_offsets"),
  "interceptor.classes": at("unit/consumer/interceptors.test.ts")(
    "onConsume sees what poll hands out, in the order of the list, each what the one before returned",
  ),
  "check.crcs": fetchLimits("check.crcs=%s: whether a wrong checksum stands in the way"),
  "socket.connection.setup.timeout.ms": at("contract/bad-input/unreachable.test.ts")(
    "a server that takes the connection and is silent",
  ),
  "security.protocol": SASL,
  "sasl.mechanism": SASL,
  "sasl.password": TOKEN,
  "sasl.jaas.config": TOKEN,
  token: TOKEN,
};

const topics = at("unit/log/topics.test.ts");
const topicDefaults = at("unit/log/topic-configs.test.ts")("every setting that is a topic's default is obeyed");
const retention = at("unit/log/retention.test.ts");
const groupSettings = at("unit/groups/settings.test.ts");
const refusals = at("unit/groups/refusals.test.ts");
const session = at("unit/listeners/session.test.ts");
const connections = at("integration/listeners/connections.test.ts");
const attacks = at("integration/listeners/attacks.test.ts");
const parked = at("unit/log/parked-fetch.test.ts");
const metrics = at("integration/listeners/metrics.test.ts");
const SESSION_BOUNDS = groupSettings(
  "group.min.session.timeout.ms and group.max.session.timeout.ms bound what a member may ask for",
);

/** Each of these tests sets the setting to something else than its default. */
export const shownSettings: Readonly<Record<SettingName, Shown>> = {
  "auto.create.topics.enable": topics(
    "metadata creates what is missing where both sides allow it, and answers when it is durable",
  ),
  "num.partitions": at("unit/log/produce-refusals.test.ts")(
    "a missing topic is created by a produce, with num.partitions",
  ),
  "message.max.bytes": at("unit/log/produce-refusals.test.ts")("%s is refused and nothing is stored"),
  "socket.request.max.bytes": at("contract/bad-input/wire.test.ts")(
    "a frame beyond its limit closes the WebSocket with 1009 and says how much is possible",
  ),
  "log.message.timestamp.after.max.ms": at("unit/log/produce-refusals.test.ts")(
    "a record too far in the future is refused, one just within the bound and one of long ago are not",
  ),
  "log.message.timestamp.before.max.ms": topicDefaults,
  "log.message.timestamp.type": topicDefaults,
  "log.retention.ms": retention(
    "the broker's settings count where the topic has none, and a live change counts at the next check",
  ),
  "log.retention.bytes": topicDefaults,
  "log.segment.bytes": retention("by size: the oldest segments go as long as retention.bytes are left"),
  "log.roll.ms": topicDefaults,
  "log.retention.check.interval.ms": retention("by size: the oldest segments go as long as retention.bytes are left"),
  "offsets.topic.num.partitions": at("unit/log/offsets-topic.test.ts")(
    "it is created with the first commit, in its turn, and is one batch per turn and partition",
  ),
  "offset.metadata.max.bytes": groupSettings(
    "offset.metadata.max.bytes bounds the metadata of a commit, counted as Kafka counts: in UTF-16 units",
  ),
  "offsets.retention.minutes": at("unit/groups/expiry.test.ts")(
    "a simple consumer's group goes with its offsets, with tombstones, and one line says so",
  ),
  "offsets.retention.check.interval.ms": at("unit/groups/expiry.test.ts")(
    "a group's offsets count from when it became Empty, also over a restart",
  ),
  "group.min.session.timeout.ms": SESSION_BOUNDS,
  "group.max.session.timeout.ms": SESSION_BOUNDS,
  "group.consumer.session.timeout.ms": groupSettings(
    "group.consumer.session.timeout.ms is the session of a member that asks for none, and of no other",
  ),
  "group.consumer.heartbeat.interval.ms": groupSettings(
    "group.consumer.heartbeat.interval.ms is what members are told",
  ),
  "group.consumer.assignors": at("unit/groups/topics.test.ts")(
    "assignors that are not there or not enabled are refused by name",
  ),
  "group.disconnect.grace.ms": at("unit/groups/disconnects.test.ts")(
    "who does not come back within the grace is removed, with that reason",
  ),
  "group.max.pattern.length": at("unit/groups/patterns.test.ts")(
    "what is not RE2, too long or too large is refused with the reason, and changes nothing",
  ),
  "group.max.size": refusals("illegal joins"),
  "producer.id.expiration.ms": at("unit/log/idempotence.test.ts")(
    "a producer that was silent for producer.id.expiration.ms is forgotten, durably",
  ),
  "max.topics": topics("limits count what is staged, too, and what is deleted makes room"),
  "max.partitions": topics("limits count what is staged, too, and what is deleted makes room"),
  "max.groups": refusals("groups are bounded; those without members and offsets make room"),
  "max.connections": connections("sockets are bounded by max.connections, whatever they speak"),
  "max.connections.per.ip": connections(
    "one address has max.connections.per.ip sockets, and as many again when they are gone",
  ),
  "max.unauthenticated.connections": session(
    "those who have not said hello are bounded in number; who has is not counted",
  ),
  "handshake.timeout.ms": attacks(
    "a thousand sockets that never say hello: so many may wait, the others are refused, all are cut in time",
  ),
  "http.request.timeout.ms": attacks("a body that never ends is cut after http.request.timeout.ms"),
  "max.pings.per.second": connections(
    "max.pings.per.second: ten seconds' worth of pings pass, more end the connection",
  ),
  "max.stream.readers": at("integration/listeners/stream.test.ts")(
    "max.stream.readers bounds them, and who leaves makes room",
  ),
  "max.stream.writers": at("integration/listeners/ndjson.test.ts")(
    "max.stream.writers bounds streams of records, and they hold up nobody else",
  ),
  "max.decompressed.batch.bytes": at("unit/log/compressed.test.ts")(
    "max.decompressed.batch.bytes bounds what is unpacked, to the byte",
  ),
  "max.metric.partitions": metrics(
    "topics with the names of Object's own properties, and more partitions than may have series",
  ),
  "max.metric.groups": metrics("max.metric.groups: so many groups have series, the others are counted"),
  "max.parked.fetches": parked("fetches beyond max.parked.fetches are refused"),
  "max.in.flight.request.bytes": at("unit/listeners/session-flow.test.ts")(
    "above the grant a request is refused, retriably; heartbeats and commits never are; answers free the grant",
  ),
  "max.reply.bytes": at("unit/log/fetch.test.ts")("max.reply.bytes clips whatever was asked for"),
  "tail.cache.bytes": at("unit/log/produce-and-fetch.test.ts")(
    "what is older than the cache is read from the storage, and both join without a gap",
  ),
  "network.file.system.enable": at("unit/storage/network-file-system.test.ts")(
    "a folder on a file system of type %i (%s) is refused unless network.file.system.enable asks for it",
  ),
  "fetch.max.wait.ms": parked("no fetch waits longer than fetch.max.wait.ms"),
  "idle.timeout.ms": attacks("an idle connection between two requests is closed after half of idle.timeout.ms"),
};

const changes = at("unit/log/topic-changes.test.ts")("timestamp bounds and type follow an alteration");
const segments = at("unit/log/retention.test.ts")(
  "by time: segments go when all of them is old; the active one is rolled, and the log is empty",
);

/** Those that work; a test holds the names to the table's. */
export const shownTopicConfigs: ReadonlyMap<string, Shown> = new Map([
  ["cleanup.policy", retention("a topic that does not delete, and internal topics, keep everything")],
  ["retention.ms", segments],
  ["retention.bytes", retention("by size: the oldest segments go as long as retention.bytes are left")],
  ["segment.bytes", retention("a topic's segment.bytes goes before the broker's")],
  ["segment.ms", segments],
  [
    "max.message.bytes",
    at("unit/log/produce-refusals.test.ts")("max.message.bytes of a topic goes before the broker's"),
  ],
  ["message.timestamp.type", changes],
  ["message.timestamp.before.max.ms", changes],
  ["message.timestamp.after.max.ms", changes],
  ["compression.type", topics("%s is refused, also when only validating")],
  ["min.insync.replicas", topics("%s is refused, also when only validating")],
]);

const start = at("integration/broker/start.test.ts");
const guard = at("integration/listeners/guard.test.ts")("who is allowed comes in, by HTTP and by WebSocket");
const KEPT = start("without data nothing survives; with data everything does, and the cluster stays the same");

export const shownBrokerOptions: Readonly<Record<keyof BrokerOptions, Shown>> = {
  port: start("a busy port is refused with who has it and what to do; nothing stays open or held"),
  host: start("a broker on all addresses says so, is reached on this machine, and still checks hosts"),
  data: KEPT,
  ephemeral: at("unit/broker/options.test.ts")("%j is refused: %j"),
  durability: at("unit/broker/options.test.ts")("a data folder means disk unless another level is asked for"),
  settings: connections("sockets are bounded by max.connections, whatever they speak"),
  token: at("integration/listeners/token.test.ts")(
    "%s %s wants a token: none and a wrong one are 401, with how to show one",
  ),
  tokenFile: at("unit/broker/tokens.test.ts")(
    "one token, several, and a file of them are all good; only digests are kept",
  ),
  allowAnonymousNetwork: start("a broker on all addresses says so, is reached on this machine, and still checks hosts"),
  allowedHosts: guard,
  allowedOrigins: guard,
  logger: start("start and stop are one line each at info, with where and how durable"),
  world: start("a broker on a given network opens no socket"),
};

/** The tests of the rules, each over every row of the three tables. */
export const shownFates = {
  ignored: config("%s is accepted without effect"),
  refused: config("%s is refused with the reason"),
} as const;
