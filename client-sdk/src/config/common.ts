// Rows that every client has, and the families of names that none supports yet.
// Kafka's defaults and ranges (org.apache.kafka.clients.CommonClientConfigs) unless a row says otherwise.

import { idProblem } from "@brooklet/protocol";
import type { ConfigProblem } from "../errors.ts";
import type { Secret } from "../secret.ts";
import { type OptionRow, optionTable } from "./option.ts";
import type { Family, Rule } from "./parse.ts";

export const MAX_INT32 = 2_147_483_647;

/** An integer of at least `min`, as most of Kafka's. */
export function atLeast<const Min extends number, const Default extends number>(
  min: Min,
  byDefault: Default,
  text: string,
) {
  return { fate: "works", type: "integer", min, max: MAX_INT32, default: byDefault, text } as const;
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

const NO_TLS = "TLS is not there: let a proxy in front of the broker speak it";
const ONLY_TOKENS = "brooklet knows tokens only: PLAIN with the token as sasl.password, or the option token";

/** The password of a JAAS line, quoted or bare; without nested repetition, so that a long text costs linear time. */
const JAAS_PASSWORD = /(?:^|\s)password\s{0,8}=\s{0,8}(?:"([^"]*)"|'([^']*)'|([^\s;"']+))/;

/** `PlainLoginModule required username="x" password="token";` has the token as its password. */
function tokenOfJaas(text: string): { readonly secret: string } | { readonly problem: string } {
  const match = JAAS_PASSWORD.exec(text);
  const secret = match?.[1] ?? match?.[2] ?? match?.[3];
  return secret === undefined
    ? { problem: 'holds no password="…"; write the token as sasl.password or token' }
    : { secret };
}

const ONE_CONNECTION = "brooklet speaks over one WebSocket, which has no such setting";
const NO_CLIENT_METRICS = "the client keeps no metrics of this kind";

export const asGroupId = (text: string) => idProblem("group id", text);

export const commonOptions = optionTable({
  "bootstrap.servers": {
    fate: "works",
    type: "servers",
    text: "Where the broker is: one or more host:port; the next is tried when one is down.",
  },
  "client.id": {
    fate: "works",
    type: "text",
    default: "",
    problem: (text) => (text === "" ? undefined : idProblem("client id", text)),
    text: "Names the client in groups, logs and errors; empty: the SDK makes one up.",
  },
  "request.timeout.ms": atLeast(
    0,
    30_000,
    "How long an answer is waited for; then the request is given up, and made again while the call has time.",
  ),
  "retry.backoff.ms": atLeast(
    0,
    100,
    "The pause before the first repetition of a request; it doubles with each, with jitter.",
  ),
  "retry.backoff.max.ms": atLeast(0, 1_000, "The longest pause between two repetitions of a request."),
  "reconnect.backoff.ms": atLeast(
    0,
    50,
    "The pause before the next attempt to connect; it doubles with each, with jitter.",
  ),
  "reconnect.backoff.max.ms": atLeast(0, 1_000, "The longest pause between two attempts to connect."),
  "metadata.max.age.ms": atLeast(
    0,
    300_000,
    "How old metadata grows before it is asked for again: how soon new topics and partitions are seen.",
  ),
  "socket.connection.setup.timeout.ms": atLeast(
    1,
    10_000,
    "How long one attempt to connect may take, the hello included.",
  ),
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
    choices: ["PLAINTEXT", "SASL_PLAINTEXT"],
    default: "PLAINTEXT",
    text: "SASL_PLAINTEXT requires a token at construction; a token is sent with either.",
    refused: { SSL: NO_TLS, SASL_SSL: NO_TLS },
  },
  // Who speaks: one token, under our own name or where Kafka's users have it. It travels in `hello` only.
  token: {
    fate: "works",
    type: "secret",
    text: "The token that says who speaks; sent in hello only, and never shown.",
  },
  "sasl.mechanism": {
    fate: "works",
    type: "choice",
    choices: ["PLAIN", "OAUTHBEARER"],
    default: "PLAIN",
    text: "Taken from copied configurations: the token is sent the same way with both.",
    refused: { "SCRAM-SHA-256": ONLY_TOKENS, "SCRAM-SHA-512": ONLY_TOKENS, GSSAPI: ONLY_TOKENS },
  },
  "sasl.username": ignored("a token says by itself who speaks"),
  "sasl.password": { fate: "works", type: "secret", into: "token", text: "The token, where SASL/PLAIN has it." },
  "sasl.jaas.config": {
    fate: "works",
    type: "secret",
    into: "token",
    extract: tokenOfJaas,
    text: "A JAAS line, whose password is the token.",
  },
  // librdkafka's names of common options.
  "metadata.broker.list": insteadUse("bootstrap.servers"),
  "socket.timeout.ms": insteadUse("request.timeout.ms"),
  "topic.metadata.refresh.interval.ms": insteadUse("metadata.max.age.ms"),
  "sasl.mechanisms": insteadUse("sasl.mechanism"),
  "socket.connection.setup.timeout": insteadUse("socket.connection.setup.timeout.ms"),
  "statistics.interval.ms": refused("the client emits no statistics"),
} satisfies { [name: string]: OptionRow });

export const commonFamilies: readonly Family[] = [
  { prefix: "ssl.", fate: "refused", why: NO_TLS },
  { prefix: "sasl.", fate: "refused", why: ONLY_TOKENS },
  { prefix: "config.providers", fate: "refused", why: "configuration comes as an object: read it where you like" },
  { prefix: "security.providers", fate: "refused", why: "it names Java classes" },
];

const TOKEN_OPTIONS = ["token", "sasl.password", "sasl.jaas.config"];

/** Kafka refuses SASL_PLAINTEXT without credentials when it connects; here at construction. */
function checkToken(
  { securityProtocol, token }: { readonly securityProtocol: string; readonly token: Secret | undefined },
  given: ReadonlySet<string>,
): ConfigProblem | undefined {
  if (securityProtocol !== "SASL_PLAINTEXT" || token !== undefined) return undefined;
  // What is wrong with the one that was given has been said.
  if (TOKEN_OPTIONS.some((name) => given.has(name))) return undefined;
  return {
    setting: "security.protocol",
    problem: "is SASL_PLAINTEXT, which needs a token, and there is none",
    suggestion: "set token, or sasl.password",
  };
}

/** What every client's options mean together. */
export const commonRules: readonly Rule<{ readonly securityProtocol: string; readonly token: Secret | undefined }>[] = [
  checkToken,
];
