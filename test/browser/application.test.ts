// The SDK in a page: everything that a browser's application does with it, in a real Chromium against a real broker.

import { Admin } from "@brooklet/client";
import { startBroker } from "@brooklet/server";
import { expect, onTestFinished, test } from "vitest";
import { pages } from "../integration/guide/pages.ts";
import { eventually } from "../support/eventually.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { consumeAll, produceAll } from "./pages/application.ts";
import { openApplication, sharedApplication } from "./support/application-page.ts";
import { clientForBrowsers } from "./support/bundle.ts";
import { openBrowser } from "./support/chromium.ts";

/** What a page may cost whoever opens it. */
const MAX_GZIP_BYTES = 60_000;

test("the client for browsers is one file below 60 kB (gzip) that imports nothing, neither of Node nor of npm", async () => {
  const { code, gzipBytes } = await clientForBrowsers();
  expect(gzipBytes).toBeLessThan(MAX_GZIP_BYTES);
  expect(code).not.toMatch(/\bimport\s*[("'{*\w]|\bfrom\s*["'`]|\brequire\(|["'`]node:/);
});

/** What Node sees of the broker that a page uses. */
function look(server: string): Admin {
  const admin = new Admin({ "bootstrap.servers": server });
  onTestFinished(() => admin.close());
  return admin;
}

test("a page of an allowed origin produces, joins a group, polls, commits and closes", async (context) => {
  const { app, server } = await sharedApplication(context);
  const { ids, committed } = await app.evaluate((app, server) => app.produceAndConsume(server, 500), server);
  expect(ids.toSorted((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 500 }, (_, id) => id));
  expect(committed).toMatchObject([{ topic: "orders", partition: 0, offset: 500 }]);
  const [group] = await look(server).describeGroups(["billing"]);
  expect(group).toMatchObject({ state: "Empty", members: [], offsets: [{ topic: "orders", offset: 500, lag: 0 }] });
});

test("for await reads record after record; leaving the loop and closing leaves the group", async (context) => {
  const { app, server } = await sharedApplication(context);
  expect(await app.evaluate((app, server) => app.readByLoop(server), server)).toEqual(["a", "b", "c"]);
  // Auto commit leaves out the record in hand: nobody asked for the next one.
  const [group] = await look(server).describeGroups(["readers"]);
  expect(group).toMatchObject({ state: "Empty", members: [], offsets: [{ topic: "letters", offset: 2 }] });
});

test("the admin calls work in a page", async (context) => {
  const { app, server } = await sharedApplication(context);
  expect(await app.evaluate((app, server) => app.administer(server), server)).toEqual({
    partitions: 3,
    retention: "1000",
    again: "TOPIC_ALREADY_EXISTS",
    durability: "memory",
    isLeft: false,
  });
});

test("a consumer works in a worker of the page", async (context) => {
  const { page, server } = await sharedApplication(context);
  await produceAll(server, "for-workers", ["x"], "none");
  const work = JSON.stringify({ server, topic: "for-workers" });
  const read = page.evaluate(`new Promise((resolve, reject) => {
    const worker = new Worker("/worker.js", { type: "module" });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = reject;
    worker.postMessage(${work});
  })`);
  expect(await read).toBe("x");
});

const pagesOfTheGuide = pages.flatMap(({ blocks }) => blocks).filter(({ language }) => language === "html");

test.for(pagesOfTheGuide)("docs/guide/$page:$line: the page shows the records", async ({ code }, context) => {
  const { origin, server } = await sharedApplication(context);
  const page = await (await openBrowser(context)).newPage();
  onTestFinished(() => page.close());
  const client = (await clientForBrowsers()).code;
  await page.route(`${origin}/node_modules/@brooklet/client/dist/browser.js`, (route) =>
    route.fulfill({ contentType: "text/javascript", body: client }),
  );
  const body = code.replace("127.0.0.1:4092", server);
  await page.route(`${origin}/guide`, (route) => route.fulfill({ contentType: "text/html", body }));
  await produceAll(server, "clicks", ['{"x":10,"y":20}'], "none");
  await page.goto(`${origin}/guide`);
  await eventually(async () => (await page.innerText("body")) === '{"x":10,"y":20}', "the record in the page");
});

test("gzip goes both ways between a page and Node, in a page that is no secure context", async (context) => {
  const { page, app, server } = await sharedApplication(context);
  expect(await page.evaluate("isSecureContext")).toBe(false);
  const values = Array.from({ length: 300 }, (_, index) => `${index}`.padEnd(500, "x"));
  await produceAll(server, "from-node", values, "gzip");
  const argument = { server, values };
  await app.evaluate((app, { server, values }) => app.produceAll(server, "from-page", values, "gzip"), argument);
  const read = await app.evaluate((app, server) => app.consumeAll(server, "from-node", 300), server);
  expect(read).toEqual(values);
  expect(await consumeAll(server, "from-page", 300)).toEqual(values);
});

test("the codecs that a browser lacks are refused by Kafka's error, to the writer and to the reader", async (context) => {
  const { app, server } = await sharedApplication(context);
  await produceAll(server, "packed", ["x".repeat(1_000)], "zstd");
  const seen = await app.evaluate((app, server) => app.useCodecs(server, ["zstd", "lz4", "snappy"], "packed"), server);
  const refusal = {
    code: "UNSUPPORTED_COMPRESSION_TYPE",
    definite: true,
    hint: expect.stringContaining("compression.type=gzip"),
  };
  expect(seen).toEqual({ writing: [refusal, refusal, refusal], reading: refusal, position: 0 });
});

test("a token goes in hello, where a page cannot set a header; without one it is refused", async (context) => {
  const token = "a-token-of-the-shop-page";
  const { app, server } = await openApplication(context, { token });
  const tokens = [null, "a-token-of-somebody-else", token];
  const seen = await app.evaluate((app, { server, tokens }) => app.useTokens(server, tokens), { server, tokens });
  expect(seen).toEqual(["SASL_AUTHENTICATION_FAILED", "SASL_AUTHENTICATION_FAILED", 0]);
});

test("a page that is closed while it polls: its partitions go to another page when its session has ended", async (context) => {
  const settings = { "group.min.session.timeout.ms": 100, "num.partitions": 2 };
  const { page, app, server, another } = await openApplication(context, { settings });
  const second = await another();
  const config = { "group.id": "pages", "session.timeout.ms": 500, "heartbeat.interval.ms": 100 };
  await produceAll(server, "t", ["0"], "none");
  for (const one of [app, second.app])
    await one.evaluate((app, { server, config }) => app.keepReading(server, "t", config), { server, config });
  const admin = look(server);
  const owned = async () => {
    // There is no group before its first member.
    const [group] = await admin.describeGroups(["pages"]).catch(() => []);
    return group?.members.map(({ assignment }) => assignment.length);
  };
  await eventually(async () => `${await owned()}` === "1,1", "both pages own a partition");

  await page.close();
  await eventually(async () => `${await owned()}` === "2", "the other page owns both");
  const [group] = await admin.describeGroups(["pages"]);
  expect(group?.timeline.map(({ reason }) => reason).join()).toMatch(/no heartbeat/);
});

// A page cannot be sure that what it sends while it goes still leaves; the end of its connection always arrives.
test("with group.disconnect.grace.ms a page that is left has left the group, long before its session ends", async (context) => {
  const { page, app, server } = await openApplication(context, { settings: { "group.disconnect.grace.ms": 100 } });
  await produceAll(server, "t", ["0"], "none");
  await app.evaluate((app, server) => app.keepReading(server, "t", { "group.id": "pages" }), server);
  const admin = look(server);
  const state = async () => (await admin.listGroups()).find(({ groupId }) => groupId === "pages")?.state;
  await eventually(async () => (await state()) === "Stable", "the page is a member");

  await page.goto("about:blank");
  await eventually(async () => (await state()) === "Empty", "it has left");
});

test("a broker that restarts under a page is found again, and no record is missed", async (context) => {
  const data = temporaryFolder();
  const { app, server, broker, origin } = await openApplication(context, { data });
  await produceAll(server, "t", ["before"], "none");
  await app.evaluate((app, server) => app.keepReading(server, "t", { "group.id": "pages" }), server);
  const read = () => app.evaluate((app) => app.readSoFar());
  await eventually(async () => (await read()).length === 1, "the first record");

  const { port } = broker;
  await broker.close();
  const again = await startBroker({ data, port, allowedOrigins: [origin] });
  onTestFinished(() => again.close());
  await produceAll(server, "t", ["after"], "none");
  await eventually(async () => (await read()).length === 2, "the record after the restart");
  expect(await read()).toEqual(["before", "after"]);
});
