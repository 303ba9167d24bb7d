// A broker that comes back with an older copy of its data: its consumers are told, and read on from where the logs part.

import { cpSync } from "node:fs";
import { join } from "node:path";
import { Consumer, LogTruncationError, string } from "@brooklet/client";
import { startBroker } from "@brooklet/server";
import { expect, onTestFinished, test } from "vitest";
import { postJson } from "../../support/raw-client.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const p0 = { topic: "orders", partition: 0 };

test("LogTruncationError once, with both ends; then what the log has now is read, and nothing is skipped or silent", async () => {
  const folder = temporaryFolder();
  const [data, backup] = [join(folder, "data"), join(folder, "backup")];
  const produce = (url: string, values: string[]) =>
    postJson(url, "/v1/topics/orders/records", { records: values.map((valueText) => ({ partition: 0, valueText })) });

  const first = await startBroker({ data });
  const { port } = first;
  await produce(first.url, ["a", "b", "c"]);
  await first.close();
  cpSync(data, backup, { recursive: true });

  const second = await startBroker({ data, port });
  await produce(second.url, ["d", "e"]);
  const consumers = (["latest", "none"] as const).map((reset) => {
    const consumer = new Consumer<string, string>({
      "bootstrap.servers": `127.0.0.1:${port}`,
      "auto.offset.reset": reset,
      "key.deserializer": string,
      "value.deserializer": string,
      "fetch.max.wait.ms": 100,
    });
    onTestFinished(() => consumer.close({ timeoutMs: 1_000 }));
    return consumer;
  });
  const poll = async (consumer: Consumer<string, string>, count: number) => {
    const values: (string | null)[] = [];
    while (values.length < count) values.push(...(await consumer.poll(200)).map(({ value }) => value));
    return values;
  };
  for (const consumer of consumers) {
    consumer.assign([p0]);
    consumer.seek(p0, 0);
    expect(await poll(consumer, 5)).toEqual(["a", "b", "c", "d", "e"]);
  }
  await second.close();

  const third = await startBroker({ data: backup, port });
  onTestFinished(() => third.close());
  const [resetting, strict] = consumers as [Consumer<string, string>, Consumer<string, string>];
  for (const consumer of consumers) {
    const error = await poll(consumer, 1).catch((thrown: unknown) => thrown);
    expect(LogTruncationError.is(error)).toBe(true);
    expect(error).toMatchObject({ context: { ...p0, offset: 5, divergentOffset: 3 } });
  }
  await expect(strict.poll(100)).rejects.toMatchObject({ name: "LogTruncationError" });
  strict.seek(p0, 3);
  await produce(third.url, ["D"]);
  for (const consumer of [resetting, strict]) expect(await poll(consumer, 1)).toEqual(["D"]);
});
