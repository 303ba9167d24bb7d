// The producer's options (SEMANTICS.md 1.2): every row of Kafka's ProducerConfig with its fate here.
// Named differences: `linger.ms` is 0 (Kafka 5) and `batch.size` 262144 (Kafka 16384), because a batch closes when a request slot is free.

import type { ConfigProblem } from "../errors.ts";
import type { ProducerInterceptor } from "../produced.ts";
import { bytes, type Serializer } from "../serdes.ts";
import {
  atLeast,
  commonFamilies,
  commonOptions,
  commonRules,
  ignored,
  insteadUse,
  MAX_INT32,
  refused,
} from "./common.ts";
import { type ConfigOf, optionTable } from "./option.ts";
import { type Parsed, parseConfig } from "./parse.ts";

const NO_TRANSACTIONS = "transactions are not there yet";
const ONE_BROKER = "there is one broker to send to";
/** Batches that the broker remembers of a producer and partition; more in flight could not be told from duplicates. */
export const MAX_IDEMPOTENT_IN_FLIGHT = 5;

export const producerOptions = optionTable({
  ...commonOptions,
  "key.serializer": { fate: "works", type: "serializer", text: "Makes bytes of a key." },
  "value.serializer": { fate: "works", type: "serializer", text: "Makes bytes of a value." },
  acks: {
    fate: "works",
    type: "choice",
    choices: ["all", -1, 0, 1],
    default: "all",
    refused: {},
    text: "What a send waits for: all, -1 and 1: the durable commit; 0: nothing.",
  },
  "enable.idempotence": {
    fate: "works",
    type: "boolean",
    default: true,
    text: "Repeated sends store a record once, in order. By default off where acks or retries forbid it.",
  },
  retries: atLeast(0, MAX_INT32, "How often a batch is sent again, within delivery.timeout.ms."),
  "max.in.flight.requests.per.connection": atLeast(
    1,
    MAX_IDEMPOTENT_IN_FLIGHT,
    "How many requests are unanswered at most; an idempotent producer has at most 5.",
  ),
  "linger.ms": atLeast(0, 0, "How long a batch waits for company. Kafka: 5."),
  "batch.size": atLeast(0, 262_144, "The bytes of a full batch, before compression; 0: one record each. Kafka: 16384."),
  "buffer.memory": {
    fate: "works",
    type: "integer",
    min: 0,
    default: 33_554_432,
    text: "Bytes of records that wait to be sent; above it sends wait for room.",
  },
  "max.block.ms": {
    fate: "works",
    type: "integer",
    min: 0,
    default: 60_000,
    text: "How long a send waits for metadata and room together.",
  },
  "max.request.size": atLeast(
    0,
    1_048_576,
    "The largest record, and the largest request, in bytes before compression.",
  ),
  "delivery.timeout.ms": atLeast(
    0,
    120_000,
    "Until when a send has succeeded or failed; at least linger.ms + request.timeout.ms.",
  ),
  "compression.type": {
    fate: "works",
    type: "choice",
    choices: ["none", "gzip", "snappy", "lz4", "zstd"],
    default: "none",
    text: "How batches are packed; snappy and lz4 need their packages.",
    refused: {},
  },
  // Kafka: 1 to 9, or -1, the library's own.
  "compression.gzip.level": {
    fate: "works",
    type: "integer",
    min: -1,
    max: 9,
    default: -1,
    text: "The level of gzip: 1 to 9, or -1 for the library's own.",
  },
  "compression.lz4.level": ignored("the lz4 library has one level, its fastest"),
  "compression.zstd.level": {
    fate: "works",
    type: "integer",
    min: -131_072,
    max: 22,
    default: 3,
    text: "The level of zstd.",
  },
  "transactional.id": { ...refused(NO_TRANSACTIONS), given: "text" },
  "transaction.timeout.ms": { ...ignored(NO_TRANSACTIONS), given: "integer" },
  "transaction.two.phase.commit.enable": refused(NO_TRANSACTIONS),
  "partitioner.class": refused("name the partition in the record; keys go by murmur2 as in Kafka"),
  "partitioner.ignore.keys": {
    fate: "works",
    type: "boolean",
    default: false,
    text: "Records with a key are spread like those without.",
  },
  "partitioner.adaptive.partitioning.enable": ignored(ONE_BROKER),
  "partitioner.availability.timeout.ms": ignored(ONE_BROKER),
  "metadata.max.idle.ms": ignored("a topic's metadata is kept while the producer lives"),
  "interceptor.classes": {
    fate: "works",
    type: "interceptors",
    methods: ["onSend", "onAcknowledgement", "close"],
    text: "Objects that see records before they are serialized, and their outcome.",
  },
  // librdkafka's names.
  "queue.buffering.max.ms": insteadUse("linger.ms"),
  "queue.buffering.max.kbytes": insteadUse("buffer.memory"),
  "queue.buffering.max.messages": insteadUse("buffer.memory"),
  "batch.num.messages": insteadUse("batch.size"),
  "message.send.max.retries": insteadUse("retries"),
  "message.timeout.ms": insteadUse("delivery.timeout.ms"),
  "request.required.acks": insteadUse("acks"),
  "message.max.bytes": insteadUse("max.request.size"),
  "compression.codec": insteadUse("compression.type"),
  "max.in.flight": insteadUse("max.in.flight.requests.per.connection"),
});

type Raw = Parsed<typeof producerOptions>;
export type ProducerSettings = Omit<Raw, "acks"> & { readonly acks: 0 | 1 | -1 };

/** Kafka's option names; numbers in Kafka's units. A name that is not here is a type error, and refused at construction. */
export interface ProducerConfig<K, V> extends ConfigOf<typeof producerOptions> {
  /** One or more host:port, comma separated or an array; the next is tried when one is down. */
  "bootstrap.servers": string | string[];
  /** Default: bytes. */
  "key.serializer"?: Serializer<K>;
  /** Default: bytes. */
  "value.serializer"?: Serializer<V>;
  /** Objects, called in this order. */
  "interceptor.classes"?: readonly ProducerInterceptor<K, V>[];
}

function checkDeliveryTimeout(settings: Raw, given: ReadonlySet<string>): ConfigProblem | undefined {
  const least = settings.lingerMs + settings.requestTimeoutMs;
  if (!(settings.deliveryTimeoutMs < least) || !given.has("delivery.timeout.ms")) return undefined;
  return {
    setting: "delivery.timeout.ms",
    problem: `must be at least linger.ms + request.timeout.ms (${least}); it is ${settings.deliveryTimeoutMs}`,
  };
}

function wantsIdempotence(given: ReadonlySet<string>, settings: Raw): boolean {
  return given.has("enable.idempotence") && settings.enableIdempotence === true;
}

function checkAcks(settings: Raw, given: ReadonlySet<string>): ConfigProblem | undefined {
  if (!wantsIdempotence(given, settings) || settings.acks === "all" || settings.acks === -1) return undefined;
  return {
    setting: "acks",
    problem: `must be "all" (or -1) with enable.idempotence=true; it is ${JSON.stringify(settings.acks)}`,
  };
}

function checkRetries(settings: Raw, given: ReadonlySet<string>): ConfigProblem | undefined {
  if (!wantsIdempotence(given, settings) || settings.retries !== 0) return undefined;
  return { setting: "retries", problem: `must be from 1 to ${MAX_INT32} with enable.idempotence=true; it is 0` };
}

/** Kafka's postProcessAndValidateIdempotenceConfigs: merely defaulted, idempotence gives way to these two, not to the third. */
function isIdempotent(settings: Raw): boolean {
  return settings.enableIdempotence && settings.retries !== 0 && (settings.acks === "all" || settings.acks === -1);
}

function checkInFlight(settings: Raw, given: ReadonlySet<string>): ConfigProblem | undefined {
  if (!isIdempotent(settings) && !wantsIdempotence(given, settings)) return undefined;
  if (!(settings.maxInFlightRequestsPerConnection > MAX_IDEMPOTENT_IN_FLIGHT)) return undefined;
  return {
    setting: "max.in.flight.requests.per.connection",
    problem: `must be from 1 to ${MAX_IDEMPOTENT_IN_FLIGHT} for an idempotent producer; it is ${settings.maxInFlightRequestsPerConnection}`,
    suggestion: "or set enable.idempotence=false and accept duplicates and reordering on retries",
  };
}

/** Kafka: GzipCompression.LevelValidator. */
function checkGzipLevel({ compressionGzipLevel }: Raw): ConfigProblem | undefined {
  if (compressionGzipLevel !== 0) return undefined;
  return { setting: "compression.gzip.level", problem: "must be from 1 to 9, or -1 for the default; it is 0" };
}

let producers = 0;

/**
 * Checks a producer's configuration and fills in the defaults.
 *
 * `acks` comes as a number; idempotence is off when `acks` or `retries` forbid it and it was not asked for explicitly;
 * a merely defaulted `delivery.timeout.ms` grows to linger.ms + request.timeout.ms; `client.id` is `producer-<number>`.
 * Errors: ConfigError with all problems at once.
 * Source: Kafka, ProducerConfig and KafkaProducer.configureDeliveryTimeout.
 */
export function parseProducerConfig(config: object): ProducerSettings {
  const rules = [...commonRules, checkDeliveryTimeout, checkAcks, checkRetries, checkInFlight, checkGzipLevel];
  const settings = parseConfig(producerOptions, commonFamilies, config, defaults, rules);
  return {
    ...settings,
    acks: settings.acks === "all" ? -1 : settings.acks,
    enableIdempotence: isIdempotent(settings),
    deliveryTimeoutMs: Math.max(settings.deliveryTimeoutMs, settings.lingerMs + settings.requestTimeoutMs),
    clientId: settings.clientId === "" ? `producer-${++producers}` : settings.clientId,
  };
}

const defaults = { keySerializer: bytes, valueSerializer: bytes, interceptorClasses: [] };
