// The image without Docker: the Dockerfile's steps one by one, then its process as its user, from the health check to the stop.

import { once } from "node:events";
import { chmodSync, chownSync, existsSync, lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, type TestContext, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { http } from "../support/raw-client.ts";
import { composeEnvironment } from "./support/compose.ts";
import { Container } from "./support/container.ts";
import { linkInstalled } from "./support/linked-install.ts";
import { buildImage, type Image, StepError } from "./support/replay.ts";

const TOPIC = "/v1/topics/t";
const LOAD = 8;

/** Copies and installs some 60 MB. */
const BUILD_LIMIT_MS = 120_000;
const NO_REGISTRY = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|ENOTCACHED/;

const folder = mkdtempSync(join(tmpdir(), "brooklet-image-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let built: Image | undefined;
let whyNot = "";

beforeAll(async () => {
  if (process.getuid?.() !== 0) {
    whyNot = "only root can give files to the image's user and start a process as it";
    return;
  }
  // The image's user must reach what is below.
  chmodSync(folder, 0o755);
  try {
    // The tools of the build are in this repository already, from the same lock file; the image's own libraries are not.
    built = await buildImage(folder, new Map([["npm ci", linkInstalled]]));
  } catch (error) {
    if (!(error instanceof StepError && NO_REGISTRY.test(error.message))) throw error;
    whyNot = "the libraries of the image come from a registry, and none answers";
  }
}, BUILD_LIMIT_MS);

function theImage(context: TestContext): Image {
  return built ?? context.skip(whyNot);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function startContainer(image: Image, more: Readonly<Record<string, string>>) {
  const port = await freePort();
  const container = new Container(image, { BROOKLET_PORT: String(port), ...more });
  const url = `http://127.0.0.1:${port}`;
  const ended = container.ended.then(({ said }) => {
    throw new Error(`the broker ended before it was healthy: ${said}`);
  });
  await Promise.race([eventually(() => container.isHealthy(), "the health check succeeds"), ended]);
  return { container, url };
}

/** Stores records one after the other until the broker is gone; the values that were acknowledged. */
async function produceUntilStopped(url: string, name: string): Promise<string[]> {
  const acknowledged: string[] = [];
  for (let index = 0; ; index++) {
    const value = `${name}-${index}`;
    const body = JSON.stringify({ records: [{ value }] });
    const init = { method: "POST", headers: { "content-type": "application/json" }, body };
    const answer = await fetch(`${url}${TOPIC}/records`, init).catch(() => undefined);
    if (answer?.status !== 200) return acknowledged;
    const { results } = (await answer.json()) as { results: { offset?: number }[] };
    if (results[0]?.offset !== undefined) acknowledged.push(value);
  }
}

async function readAll(url: string, headers: Readonly<Record<string, string>>): Promise<Set<unknown>> {
  const values = new Set<unknown>();
  for (let offset = 0; ; ) {
    const answer = await fetch(`${url}${TOPIC}/partitions/0/records?offset=${offset}&maxRecords=1000`, { headers });
    const { records, nextOffset } = (await answer.json()) as { records: { value: unknown }[]; nextOffset: number };
    if (records.length === 0) return values;
    for (const { value } of records) values.add(value);
    offset = nextOffset;
  }
}

test("the steps make an image without npm, in which the process may write to its volume and nowhere else", async (context) => {
  const image = theImage(context);
  expect(readdirSync(join(image.root, "usr/local/bin"))).toEqual(["node"]);
  expect(readdirSync(join(image.root, "usr/local/lib"))).toEqual([]);
  expect(existsSync(join(image.root, "app/node_modules/brooklet/dist/main.js"))).toBe(true);
  const [uid] = image.user.split(":").map(Number);
  const theirs = readdirSync(image.root, { recursive: true, encoding: "utf8" }).filter((path) => {
    const { uid: owner, mode } = lstatSync(join(image.root, path));
    const isLink = (mode & 0o170000) === 0o120000;
    return owner === uid || (!isLink && (mode & 0o002) !== 0);
  });
  expect(theirs.map((path) => `/${path}`)).toEqual(image.volumes);
});

test("without a token, and without saying so aloud, it refuses to start, and says what to do", async (context) => {
  const image = theImage(context);
  const { code, said } = await new Container(image, {}).ended;
  expect(code).toBe(2);
  expect(said).toMatch(/--token-file/);
  expect(said).toMatch(/--allow-anonymous-network/);
});

test("it becomes healthy, and stopped under load it ends by itself in Docker's time with every acknowledged record", async (context) => {
  const image = theImage(context);
  const first = await startContainer(image, composeEnvironment());
  const asService = await http(first.url, "/v1/topics", { headers: { host: "brooklet:4092" } });
  expect(asService.status).toBe(200);
  const loads = Array.from({ length: LOAD }, (_, index) => produceUntilStopped(first.url, `load${index}`));
  await eventually(async () => {
    const answer = await fetch(`${first.url}${TOPIC}`);
    const { partitions } = (await answer.json()) as { partitions?: { highWatermark: number }[] };
    return (partitions?.[0]?.highWatermark ?? 0) > LOAD;
  }, "records are stored");
  expect(await first.container.stop()).toMatchObject({ code: 0, signal: null });
  expect(await first.container.isHealthy()).toBe(false);
  const acknowledged = (await Promise.all(loads)).flat();
  expect(acknowledged.length).toBeGreaterThan(LOAD);

  // The second start asks for a token; the health check needs none.
  const tokens = join(image.root, "tokens.txt");
  writeFileSync(tokens, "a-token-of-the-image-test\n", { mode: 0o600 });
  const [uid = 0, gid = 0] = image.user.split(":").map(Number);
  chownSync(tokens, uid, gid);
  const second = await startContainer(image, { BROOKLET_TOKEN_FILE: "/tokens.txt" });
  expect((await fetch(`${second.url}${TOPIC}`)).status).toBe(401);
  const stored = await readAll(second.url, { authorization: "Bearer a-token-of-the-image-test" });
  expect(acknowledged.filter((value) => !stored.has(value))).toEqual([]);
  expect(await second.container.stop()).toMatchObject({ code: 0, signal: null });
});
