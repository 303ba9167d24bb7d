// Several bootstrap.servers over real brokers: one data folder moves between two ports, and the clients follow it; another
// broker's log behind the same names is never read from or written to.

import { Consumer, Producer, string } from "@brooklet/client";
import { startBroker } from "@brooklet/server";
import { expect, test } from "vitest";
import { startBrokerProcess } from "../../support/children/processes.ts";
import { postJson } from "../../support/raw-client.ts";
import { testFolder } from "../../support/storage-on-file.ts";

const topic = "orders";

async function clusterIdOf(url: string): Promise<string> {
  return String((await postJson(url, "/v1/status", {})).json?.clusterId);
}

test("clients follow their broker from one of bootstrap.servers to the next, and accept no other log", async () => {
  const data = testFolder();
  // The first server is down at the start.
  const away = await startBroker();
  await away.close();
  const ports = [away.port] as number[];
  let broker = await startBrokerProcess({ data });
  ports.push(broker.port);
  const clusterId = await clusterIdOf(broker.url);
  const common = {
    "bootstrap.servers": ports.map((port) => `127.0.0.1:${port}`),
    "reconnect.backoff.max.ms": 100,
    "retry.backoff.max.ms": 100,
  };
  await using producer = new Producer<string, string>({
    ...common,
    "key.serializer": string,
    "value.serializer": string,
  });
  await using consumer = new Consumer<string, string>({
    ...common,
    "key.deserializer": string,
    "value.deserializer": string,
    "group.id": "billing",
    "auto.offset.reset": "earliest",
    "enable.auto.commit": false,
  });
  const rebalances: unknown[] = [];
  consumer.on("rebalance", (detail) => rebalances.push(detail));
  consumer.subscribe([topic]);
  const seen: string[] = [];
  const passes = async (value: string) => {
    const sent = producer.send({ topic, value });
    while (!seen.includes(value)) for (const record of await consumer.poll(100)) seen.push(record.value ?? "");
    return (await sent).offset;
  };
  expect(await passes("at the second")).toBe(0);

  expect(await broker.end("SIGKILL")).toBe("SIGKILL");
  broker = await startBrokerProcess({ data, port: ports[0] ?? 0 });
  expect(await passes("at the first")).toBe(1);

  expect(await broker.end("SIGTERM")).toBe(0);
  broker = await startBrokerProcess({ data, port: ports[1] ?? 0 });
  expect(await passes("at the second again")).toBe(2);
  expect(await consumer.commit()).toMatchObject([{ offset: 3 }]);
  expect(rebalances).toHaveLength(1);

  expect(await broker.end("SIGKILL")).toBe("SIGKILL");
  await using one = await startBroker({ port: ports[0] ?? 0 });
  await using two = await startBroker({ port: ports[1] ?? 0 });
  const foreign = await Promise.all([clusterIdOf(one.url), clusterIdOf(two.url)]);
  const toldTruth = { code: "INCONSISTENT_CLUSTER_ID", fatal: true, definite: true };
  const polling = (async () => {
    for (;;) await consumer.poll(100);
  })();
  await expect(polling).rejects.toMatchObject(toldTruth);
  const refused = producer.send({ topic, value: "to nobody else" });
  await expect(refused).rejects.toMatchObject(toldTruth);
  for (const id of [clusterId, ...foreign]) {
    await expect(polling).rejects.toThrow(id);
    await expect(refused).rejects.toThrow(id);
  }
  for (const { url } of [one, two]) {
    expect((await postJson(url, "/v1/metadata", {})).json).toMatchObject({ topics: [] });
    expect((await postJson(url, "/v1/listGroups", {})).json).toMatchObject({ groups: [] });
  }
  expect(seen).toEqual(["at the second", "at the first", "at the second again"]);
});
