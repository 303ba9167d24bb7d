// Rows that every client has, and the families of names that none supports yet.
// Kafka's defaults and ranges (org.apache.kafka.clients.CommonClientConfigs) unless a row says otherwise.

import { idProblem } from "@brooklet/protocol";
import { type OptionRow, optionTable } from "./option.ts";
import type { Family } from "./parse.ts";

export const MAX_INT32 = 2_147_483_647;

/** An integer of at least `min`, as most of Kafka's. */
export function atLeast<const Min extends number, const Default extends number>(min: Min, byDefault: Default) {
  return { fate: "works", type: "integer", min, max: MAX_INT32, default: byDefault } as const;
}

/** Accepted without effect; the reason goes into one debug line. */
export function ignored<const Why extends string>(why: Why) {
  return { fate: "ignored", type: "any", why } as const;
}

/** Not there, with the reason. */
export function refused<const Why extends string>(why: Why) {
  return { fate: "refused", type: "any", why } as const;
}

/** Another client's or an older spelling. */
export function insteadUse<const Option extends string>(option: Option, why = "it is another client's name") {
  return { fate: "refused", type: "any", why, instead: option } as const;
}

const ONE_CONNECTION = "brooklet speaks over one WebSocket, which has no such setting";
const NO_CLIENT_METRICS = "the client keeps no metrics of this kind";

export const asGroupId = (text: string) => idProblem("group id", text);

export const commonOptions = optionTable({
  "bootstrap.servers": { fate: "works", type: "servers" },
  "client.id": {
    fate: "works",
    type: "text",
    default: "",
    problem: (text) => (text === "" ? undefined : idProblem("client id", text)),
  },
  "request.timeout.ms": atLeast(0, 30_000),
  "retry.backoff.ms": atLeast(0, 100),
  "retry.backoff.max.ms": atLeast(0, 1_000),
  "reconnect.backoff.ms": atLeast(0, 50),
  "reconnect.backoff.max.ms": atLeast(0, 1_000),
  "metadata.max.age.ms": atLeast(0, 300_000),
  "socket.connection.setup.timeout.ms": atLeast(1, 10_000),
  "socket.connection.setup.timeout.max.ms": ignored("each attempt has socket.connection.setup.timeout.ms"),
  "connections.max.idle.ms": ignored("an idle connection stays open"),
  "send.buffer.bytes": ignored(ONE_CONNECTION),
  "receive.buffer.bytes": ignored(ONE_CONNECTION),
  "client.dns.lookup": ignored("every address that a name resolves to is tried by the platform"),
  "metadata.recovery.strategy": ignored("all bootstrap servers are always tried again"),
  "metadata.recovery.rebootstrap.trigger.ms": ignored("all bootstrap servers are always tried again"),
  "metric.reporters": ignored(NO_CLIENT_METRICS),
  "metrics.num.samples": ignored(NO_CLIENT_METRICS),
  "metrics.recording.level": ignored(NO_CLIENT_METRICS),
  "metrics.sample.window.ms": ignored(NO_CLIENT_METRICS),
  "enable.metrics.push": ignored(NO_CLIENT_METRICS),
  "security.protocol": {
    fate: "works",
    type: "choice",
    choices: ["PLAINTEXT"],
    default: "PLAINTEXT",
    refused: {
      SSL: "TLS is not there yet",
      SASL_PLAINTEXT: "authentication is not there yet",
      SASL_SSL: "TLS and authentication are not there yet",
    },
  },
  // librdkafka's names of common options.
  "metadata.broker.list": insteadUse("bootstrap.servers"),
  "socket.timeout.ms": insteadUse("request.timeout.ms"),
  "topic.metadata.refresh.interval.ms": insteadUse("metadata.max.age.ms"),
  "socket.connection.setup.timeout": insteadUse("socket.connection.setup.timeout.ms"),
  "statistics.interval.ms": refused("the client emits no statistics"),
} satisfies { [name: string]: OptionRow });

export const commonFamilies: readonly Family[] = [
  { prefix: "ssl.", fate: "refused", why: "TLS is not there yet" },
  { prefix: "sasl.", fate: "refused", why: "authentication is not there yet" },
  { prefix: "config.providers", fate: "refused", why: "configuration comes as an object: read it where you like" },
  { prefix: "security.providers", fate: "refused", why: "it names Java classes" },
];
