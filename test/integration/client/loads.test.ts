// What importing the SDK loads: neither the broker's storage nor its validators, so that it works in a browser and starts fast.

import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

const LIST_PACKAGES = `
  import { registerHooks } from "node:module";
  const packages = new Set();
  registerHooks({
    load(url, context, next) {
      const inside = url.split("/node_modules/").at(-1);
      if (inside !== url) packages.add(inside.startsWith("@") ? inside.split("/").slice(0, 2).join("/") : inside.split("/")[0]);
      return next(url, context);
    },
  });
  await import("@brooklet/client");
  console.log(JSON.stringify([...packages].filter((name) => !name.startsWith("@node-rs/")).sort()));
`;

const PACK_EACH = `
  import { startBroker } from "@brooklet/server";
  import { Consumer, Producer, string } from "@brooklet/client";
  const loaded = () => process.report.getReport().sharedObjects.filter((file) => /snappy|lz4/.test(file)).length;
  await using broker = await startBroker();
  const servers = { "bootstrap.servers": broker.url.replace("http://", "") };
  const counts = [loaded()];
  for (const type of ["none", "gzip", "zstd", "snappy", "lz4"]) {
    await using producer = new Producer({ ...servers, "value.serializer": string, "compression.type": type });
    await producer.send({ topic: type, value: "x".repeat(5000) });
    await using consumer = new Consumer({ ...servers, "value.deserializer": string, "auto.offset.reset": "earliest" });
    consumer.assign([{ topic: type, partition: 0 }]);
    const records = await consumer.poll(30_000);
    if (records[0]?.value?.length !== 5000) throw new Error("nothing came back");
    counts.push(loaded());
  }
  console.log(JSON.stringify(counts));
`;

test("snappy and lz4 are each loaded with the first batch that needs them, by client and broker", () => {
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", PACK_EACH], {
    cwd: import.meta.dirname,
    encoding: "utf8",
    timeout: 60_000,
  });
  expect(JSON.parse(output)).toEqual([0, 0, 0, 0, 1, 2]);
});

test("the SDK loads without SQLite, typebox, fastify or pino", () => {
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", LIST_PACKAGES], {
    cwd: import.meta.dirname,
    encoding: "utf8",
  });
  expect(JSON.parse(output)).toEqual(["secure-json-parse", "ws"]);
});
