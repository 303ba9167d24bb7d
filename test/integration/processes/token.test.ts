// One token file, end to end: the broker command reads it, and the command, the SDK and curl come in with what stands in it.

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Admin, Consumer, Producer, string } from "@brooklet/client";
import { expect, test } from "vitest";
import { testFolder } from "../../support/storage-on-file.ts";
import { brooklet, startBrokerCommand } from "../cli/command.ts";

const TOKEN = "canary-0123456789abcdef";
const topic = "orders";

test("what curl sends the SDK reads and the command prints, each with the token of the file; without it none comes in", async (context) => {
  if (spawnSync("curl", ["--version"]).error !== undefined) context.skip("there is no curl on the path");
  const file = join(testFolder(), "tokens");
  writeFileSync(file, `${TOKEN}\n`, { mode: 0o600 });
  const { server, url } = await startBrokerCommand("--ephemeral", "--token-file", file);
  const token = readFileSync(file, "utf8").trim();
  const curl = (path: string, ...args: string[]) => {
    // As the guide has it: the header in a file, so that the token stands in no list of processes.
    const header = join(testFolder(), "header");
    writeFileSync(header, `authorization: Bearer ${token}\n`, { mode: 0o600 });
    const ended = spawnSync("curl", ["-sS", "--max-time", "20", "-H", `@${header}`, ...args, `${url}${path}`]);
    return JSON.parse(ended.stdout.toString());
  };
  expect(await brooklet(["topics", "create", topic, "-b", server, "--token-file", file])).toMatchObject({ code: 0 });
  const json = ["-H", "content-type: application/json"];
  expect(curl(`/v1/topics/${topic}/records`, ...json, "-d", '{"records":[{"valueText":"by curl"}]}')).toMatchObject({
    results: [{ offset: 0 }],
  });

  const servers = { "bootstrap.servers": server };
  await using producer = new Producer<string, string>({
    ...servers,
    token,
    "key.serializer": string,
    "value.serializer": string,
  });
  expect(await producer.send({ topic, value: "by the SDK" })).toMatchObject({ offset: 1 });
  // As Kafka's users have it.
  await using consumer = new Consumer<string, string>({
    ...servers,
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "PLAIN",
    "sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required username="me" password="${token}";`,
    "value.deserializer": string,
    "key.deserializer": string,
    "group.id": "billing",
    "auto.offset.reset": "earliest",
  });
  consumer.subscribe([topic]);
  const values: (string | null)[] = [];
  while (values.length < 2) values.push(...(await consumer.poll(200)).map(({ value }) => value));
  expect(values).toEqual(["by curl", "by the SDK"]);
  await consumer.commit();
  expect(curl("/v1/groups/billing")).toMatchObject({ groupId: "billing", offsets: [{ topic, offset: 2, lag: 0 }] });
  expect(await brooklet(["consume", topic, "-e", "-b", server, "--token-file", file])).toMatchObject({
    code: 0,
    stdout: "by curl\nby the SDK\n",
  });

  const bare = spawnSync("curl", ["-sS", "-o", "/dev/null", "-w", "%{http_code}", `${url}/v1/topics`]);
  expect(bare.stdout.toString()).toBe("401");
  await using stranger = new Admin(servers);
  const refused = stranger.listTopics();
  await expect(refused).rejects.toMatchObject({ code: "SASL_AUTHENTICATION_FAILED", fatal: true });
  await expect(refused).rejects.not.toThrow(TOKEN);
  expect(await brooklet(["topics", "list", "-b", server])).toMatchObject({
    code: 4,
    stderr: expect.not.stringContaining(TOKEN),
  });
});
