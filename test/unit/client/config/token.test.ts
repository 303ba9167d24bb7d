// Who speaks: the token under our own name, and where Kafka's and librdkafka's users have it. No problem ever quotes it.

import { inspect } from "node:util";
import { ConfigError } from "@brooklet/client";
import { expect, test } from "vitest";
import { parseAdminConfig } from "../../../../client-sdk/src/config/admin.ts";
import { parseConsumerConfig } from "../../../../client-sdk/src/config/consumer.ts";
import { parseProducerConfig } from "../../../../client-sdk/src/config/producer.ts";
import { Secret } from "../../../../client-sdk/src/secret.ts";

const servers = { "bootstrap.servers": "localhost:4092" };
const parsers = [parseConsumerConfig, parseProducerConfig, parseAdminConfig];

function problemsOf(config: object, parse: (config: object) => unknown = parseAdminConfig) {
  try {
    parse({ ...servers, ...config });
  } catch (error) {
    if (ConfigError.is(error)) return error.problems;
    throw error;
  }
  return [];
}

const jaas = (rest: string) => `org.apache.kafka.common.security.plain.PlainLoginModule required ${rest};`;

test.each([
  ["our own name", { token: "canary" }],
  ["librdkafka's", { "sasl.mechanism": "PLAIN", "sasl.username": "me", "sasl.password": "canary" }],
  ["with its protocol", { "security.protocol": "SASL_PLAINTEXT", "sasl.password": "canary" }],
  ["a bearer's", { "sasl.mechanism": "OAUTHBEARER", token: "canary" }],
  ["Java's", { "sasl.jaas.config": jaas('username="me" password="canary"') }],
  ["Java's, in single quotes", { "sasl.jaas.config": jaas("password='canary' username='me'") }],
  ["Java's, bare", { "sasl.jaas.config": jaas("username=me password=canary") }],
  ["twice the same", { token: "canary", "sasl.password": "canary" }],
] as const)("%s: every client reads the token", (_, config) => {
  for (const parse of parsers) {
    const { token } = parse({ ...servers, ...config });
    expect(token?.reveal()).toBe("canary");
  }
});

test("without a token there is none, and the name beside it is ignored with a reason", () => {
  expect(parseAdminConfig(servers).token).toBeUndefined();
  expect(parseAdminConfig({ ...servers, "sasl.username": "me", token: "t" }).ignoredOptions).toEqual([
    { option: "sasl.username", why: expect.stringContaining("token") },
  ]);
});

test.each([
  ["SCRAM-SHA-256", { "sasl.mechanism": "SCRAM-SHA-256" }, "sasl.mechanism", /tokens only/],
  ["SCRAM-SHA-512", { "sasl.mechanism": "SCRAM-SHA-512" }, "sasl.mechanism", /tokens only/],
  ["Kerberos", { "sasl.mechanism": "GSSAPI" }, "sasl.mechanism", /tokens only/],
  ["a mechanism that is none", { "sasl.mechanism": "plain" }, "sasl.mechanism", /must be one of "PLAIN"/],
  ["TLS", { "security.protocol": "SSL" }, "security.protocol", /TLS is not there/],
  ["TLS with a token", { "security.protocol": "SASL_SSL", token: "canary" }, "security.protocol", /TLS is not there/],
  ["SASL without a token", { "security.protocol": "SASL_PLAINTEXT" }, "security.protocol", /needs a token/],
  [
    "a JAAS line without a password",
    { "sasl.jaas.config": jaas('username="canary"') },
    "sasl.jaas.config",
    /password=/,
  ],
  ["a JAAS line of another kind", { "sasl.jaas.config": "canary" }, "sasl.jaas.config", /sasl\.password or token/],
  ["an empty token", { token: "" }, "token", /is empty/],
  ["an empty password", { "sasl.password": "" }, "sasl.password", /is empty/],
  ["a token with the line's end of its file", { token: "canary\n" }, "token", /trim/],
  ["a token beyond ASCII", { token: "canarü" }, "token", /trim/],
  ["a token that is too long", { token: "canary".repeat(1_000) }, "token", /at most 4096/],
  ["a number", { token: 5 }, "token", /must be a text/],
  ["two tokens", { token: "canary", "sasl.password": "other" }, "sasl.password", /contradicts/],
  ["a callback", { "sasl.login.callback.handler.class": "x" }, "sasl.login.callback.handler.class", /tokens only/],
  ["another spelling", { "sasl.mechanisms": "PLAIN" }, "sasl.mechanisms", /is refused/],
] as const)("%s is one problem, which does not quote the token", (_, config, setting, problem) => {
  for (const parse of parsers) {
    const problems = problemsOf(config, parse);
    expect(problems.map((one) => one.setting)).toEqual([setting]);
    expect(problems[0]?.problem).toMatch(problem);
    expect(JSON.stringify(problems)).not.toContain("canar");
  }
});

test("a JAAS line as long as a book costs no time", () => {
  expect(problemsOf({ "sasl.jaas.config": "password ".repeat(100_000) })).toHaveLength(1);
  expect(problemsOf({ "sasl.jaas.config": `password="${"x".repeat(1_000_000)}` })).toHaveLength(1);
});

test("a secret shows in nothing that prints", () => {
  const secret = new Secret("canary");
  const shown = [
    inspect(secret, { showHidden: true, depth: null }),
    JSON.stringify({ secret }),
    `${secret}`,
    JSON.stringify({ ...secret }),
    JSON.stringify(Object.getOwnPropertyNames(secret)),
    inspect(parseAdminConfig({ ...servers, token: "canary" }), { showHidden: true, depth: null }),
  ].join("\n");
  expect(shown).not.toContain("canary");
  expect(secret.equals(new Secret("canary"))).toBe(true);
  expect(secret.equals(new Secret("other"))).toBe(false);
});
