// startBroker() as a program uses it: side by side, with a folder, refused with reasons, and nothing left behind.

import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { ListenError, SettingsError, startBroker } from "@brooklet/server";
import { expect, test } from "vitest";
import { startChildBroker } from "../../support/child-broker.ts";
import { http, postJson, RawSocket } from "../../support/raw-client.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const records = async (url: string, topic = "t") =>
  ((await http(url, `/v1/topics/${topic}/partitions/0/records`)).json?.records ?? []) as { valueText: string }[];
const produce = (url: string, valueText: string, topic = "t") =>
  postJson(url, `/v1/topics/${topic}/records`, { records: [{ valueText, partition: 0 }] });

test("two brokers run side by side and know nothing of each other", async () => {
  await using one = await startBroker();
  await using two = await startBroker();
  expect(one.port).not.toBe(two.port);
  expect(one.url).toBe(`http://127.0.0.1:${one.port}`);
  await produce(one.url, "only here");
  expect(await records(one.url)).toHaveLength(1);
  expect((await http(two.url, "/v1/topics/t")).status).toBe(404);
});

test("without data nothing survives; with data everything does, and the cluster stays the same", async () => {
  const data = temporaryFolder();
  const statusOf = async (url: string) => (await postJson(url, "/v1/status", {})).json ?? {};
  const first = await startBroker({ data });
  await produce(first.url, "kept");
  const before = await statusOf(first.url);
  expect(before).toMatchObject({ durability: "disk", dataFile: expect.stringContaining(data), storage: "ok" });
  await first.close();
  await using second = await startBroker({ data });
  expect((await records(second.url)).map(({ valueText }) => valueText)).toEqual(["kept"]);
  expect((await statusOf(second.url)).clusterId).toBe(before.clusterId);
  await using other = await startBroker();
  expect(await statusOf(other.url)).toMatchObject({ durability: "memory", topics: 0 });
  expect(await statusOf(other.url)).not.toHaveProperty("dataFile");
});

test("a logger that throws costs its lines, not the answers that wait behind them", async () => {
  const broken = () => {
    throw new Error("no log today");
  };
  await using broker = await startBroker({ logger: { debug: broken, info: broken, warn: broken, error: broken } });
  expect((await produce(broker.url, "one")).json).toEqual({ results: [{ partition: 0, offset: 0 }] });
  expect((await produce(broker.url, "two")).json).toEqual({ results: [{ partition: 0, offset: 1 }] });
  expect(await records(broker.url)).toHaveLength(2);
});

test("status tells what the broker holds", async () => {
  await using broker = await startBroker();
  await produce(broker.url, "x");
  const socket = await RawSocket.greeted(broker.url);
  const { header } = await socket.request("status");
  expect(header).toMatchObject({
    brokerId: 0,
    url: broker.url,
    nodeVersion: process.version,
    topics: 1,
    partitions: 1,
    groups: 0,
    connections: 1,
    parkedFetches: 0,
  });
  await socket.close();
});

test("a data folder is held by one broker, and free again when that one closed", async () => {
  const data = temporaryFolder();
  const first = await startBroker({ data });
  await expect(startBroker({ data })).rejects.toThrow(first.url);
  await first.close();
  await (await startBroker({ data })).close();
});

test("a busy port is refused with who has it and what to do; nothing stays open or held", async () => {
  const data = temporaryFolder();
  await using first = await startBroker();
  const refused = startBroker({ port: first.port, data });
  await expect(refused).rejects.toThrow(ListenError);
  await expect(refused).rejects.toThrow(`127.0.0.1:${first.port} is in use`);
  await expect(refused).rejects.toThrow("--port 0");
  if (process.platform === "linux") await expect(refused).rejects.toThrow(`process ${process.pid}`);
  await (await startBroker({ data })).close();
});

test("an address of another machine is refused in words", async () => {
  await expect(startBroker({ host: "192.0.2.1", allowAnonymousNetwork: true })).rejects.toThrow(
    "no address of this machine",
  );
});

test("options are refused all at once, before anything is opened", async () => {
  const refused = startBroker({ ephemeral: true, data: "x", host: "0.0.0.0", settings: { "num.partitoins": 1 } });
  await expect(refused).rejects.toThrow(SettingsError);
  await expect(refused).rejects.toThrow("did you mean num.partitions?");
});

test("a broker on all addresses says so, is reached on this machine, and still checks hosts", async () => {
  const lines: string[] = [];
  const logger = {
    debug() {},
    info() {},
    warn: (_fields: object, message: string) => void lines.push(message),
    error() {},
  };
  await using broker = await startBroker({ host: "0.0.0.0", allowAnonymousNetwork: true, logger });
  expect(lines).toEqual([expect.stringContaining("anybody who reaches this broker")]);
  expect((await http(broker.url, "/healthz")).status).toBe(200);
  expect((await http(broker.url, "/healthz", { headers: { host: `evil.test:${broker.port}` } })).status).toBe(421);
});

test("IPv6 loopback works like IPv4", async (context) => {
  const hasIpv6 = await new Promise<boolean>((resolve) => {
    const probe = createServer().once("error", () => resolve(false));
    probe.listen(0, "::1", () => probe.close(() => resolve(true)));
  });
  if (!hasIpv6) context.skip("this machine has no ::1");
  await using broker = await startBroker({ host: "::1" });
  expect(broker.url).toBe(`http://[::1]:${broker.port}`);
  const socket = await RawSocket.greeted(broker.url);
  await socket.close();
});

test("start and stop are one line each at info, with where and how durable", async () => {
  const lines: [object, string][] = [];
  const logger = {
    debug() {},
    info: (fields: object, message: string) => void lines.push([fields, message]),
    warn() {},
    error() {},
  };
  const broker = await startBroker({ logger });
  await broker.close();
  expect(lines).toEqual([
    [expect.objectContaining({ url: broker.url, durability: "memory" }), "broker started"],
    [expect.objectContaining({ url: broker.url }), "broker stopped"],
  ]);
});

test("after close a process has nothing to wait for and ends by itself", async () => {
  const [ephemeral, durable] = await Promise.all([
    startChildBroker({}, "--exit"),
    startChildBroker({ data: temporaryFolder() }, "--exit"),
  ]);
  expect(await ephemeral.ended).toEqual({ code: 0, signal: null });
  expect(await durable.ended).toEqual({ code: 0, signal: null });
});

test("flags of the process that no thread could start with are not its threads' business", async () => {
  const program = `
    import { startBroker } from "@brooklet/server";
    import { Producer, string } from "@brooklet/client";
    await using broker = await startBroker({ data: process.argv[1] });
    await using producer = new Producer({
      "bootstrap.servers": broker.url.replace("http://", ""), "value.serializer": string, "compression.type": "gzip",
    });
    const { offset } = await producer.send({ topic: "t", value: "x".repeat(5000) });
    console.log(offset);
  `;
  const folder = temporaryFolder();
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, folder], {
    cwd: fileURLToPath(new URL(".", import.meta.url)),
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 30_000,
  });
  let text = "";
  for await (const chunk of child.stdout) text += chunk;
  expect(text).toBe("0\n");
});

test("a broker on a given network opens no socket", async () => {
  const program = `
    import { startBroker } from "@brooklet/server";
    let accepted;
    const world = { listen: (accept) => { accepted = accept; return { address: "sim:1", close: async () => {} }; } };
    const simulated = await startBroker({ world });
    const sockets = process.getActiveResourcesInfo().filter((kind) => /TCP|Server/.test(kind));
    console.log(JSON.stringify({ url: simulated.url, accepts: typeof accepted, sockets }));
    await simulated.close();`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    cwd: fileURLToPath(new URL(".", import.meta.url)),
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  for await (const chunk of child.stdout) text += chunk;
  expect(JSON.parse(text)).toEqual({ url: "http://sim:1", accepts: "function", sockets: [] });
});
