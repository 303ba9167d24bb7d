// Foreign pages in a real browser: whatever a page can send (pages/foreign.js), it stores nothing and reads nothing, be its
// origin another port of this machine, a foreign name, none at all, or a name that was made to point here (DNS rebinding).

import { readFileSync } from "node:fs";
import { Admin } from "@brooklet/client";
import { type Broker, startBroker } from "@brooklet/server";
import type { Page, Request, Response } from "playwright-core";
import { afterAll, expect, type TestContext, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { produceAll } from "./pages/application.ts";
import { openBrowser } from "./support/chromium.ts";
import { EMPTY_PAGE, serveFiles } from "./support/web-server.ts";

const SECRET = "only-for-whom-it-concerns";
const SCRIPT = { type: "text/javascript", text: readFileSync(new URL("pages/foreign.js", import.meta.url), "utf8") };
/** The script of a page without an origin is of another one; the sandbox is what takes the origin away. */
const FILES = {
  "/foreign.js": { ...SCRIPT, headers: { "access-control-allow-origin": "*" } },
  "/sandboxed": { ...EMPTY_PAGE, headers: { "content-security-policy": "sandbox allow-scripts allow-forms" } },
};

interface Scene {
  readonly broker: Broker;
  readonly admin: Admin;
  readonly page: Page;
  /** The foreign site under a host name. */
  origin(host: string): string;
  /** Everything that could change: topics with their ends, groups, members. */
  state(): Promise<string>;
}

let scene: Promise<Scene> | undefined;

afterAll(async () => {
  await (await scene)?.admin.close();
  await (await scene)?.broker.close();
});

/** One for all tests of the file. */
async function theScene(context: TestContext): Promise<Scene> {
  const browser = await openBrowser(context);
  scene ??= setScene(await browser.newPage());
  return await scene;
}

async function setScene(page: Page): Promise<Scene> {
  const { origin } = await serveFiles(FILES);
  const broker = await startBroker({ allowedOrigins: [origin("friend.test")] });
  const server = `127.0.0.1:${broker.port}`;
  await produceAll(server, "secrets", [`console.log("${SECRET}")`], "none");
  const admin = new Admin({ "bootstrap.servers": server });
  const state = async () =>
    JSON.stringify([await admin.describeTopics(await admin.listTopics()), await admin.listGroups()]);
  return { broker, admin, page, origin, state };
}

interface Attempts {
  /** What each brought, where it brought anything. */
  readonly successes: ReadonlyMap<string, string>;
  /** With which statuses the broker answered what the browser let the page send. */
  readonly statuses: ReadonlySet<number>;
}

/** Makes every attempt from the page that is open; ends after all that the page sent has ended. */
async function attemptAll(page: Page, at: string): Promise<Attempts> {
  const statuses = new Set<number>();
  const underway = new Set<Request>();
  const sent = (request: Request) => void underway.add(request);
  const ended = (request: Request) => void underway.delete(request);
  const answered = (response: Response) => {
    if (new URL(response.url()).host === new URL(at).host) statuses.add(response.status());
  };
  page.on("request", sent).on("requestfinished", ended).on("requestfailed", ended).on("response", answered);
  const brought = await page.evaluate(
    `import("/foreign.js").then(({ attemptAll }) => attemptAll(${JSON.stringify(at)}))`,
  );
  await eventually(() => underway.size === 0, "all that the page sent has ended");
  page.off("request", sent).off("requestfinished", ended).off("requestfailed", ended).off("response", answered);
  const all = Object.entries(brought as Record<string, string>);
  expect(all.length).toBeGreaterThan(30);
  return { successes: new Map(all.filter(([, text]) => text !== "")), statuses };
}

test.for([
  ["of another port of this machine", "127.0.0.1", "/", "127.0.0.1"],
  ["of a foreign name", "evil.test", "/", "localhost"],
  ["of a foreign name, to the address that means any", "evil.test", "/", "0.0.0.0"],
  ["without an origin", "evil.test", "/sandboxed", "127.0.0.1"],
] as const)("a page %s stores nothing and reads nothing", async ([, host, path, target], context) => {
  const { broker, page, origin, state } = await theScene(context);
  const before = await state();
  await page.goto(origin(host) + path);
  const { successes, statuses } = await attemptAll(page, `http://${target}:${broker.port}`);
  expect([...successes]).toEqual([]);
  expect([...statuses]).toEqual([target === "0.0.0.0" ? 421 : 403]);
  expect(await state()).toBe(before);
});

test("a page whose name was made to point at the broker reads only that it is refused (DNS rebinding)", async (context) => {
  const { broker, page, state } = await theScene(context);
  const before = await state();
  // The name led to the attacker when the page was loaded, and leads here now: to the page all of this is its own origin.
  const origin = `http://evil.test:${broker.port}`;
  await page.route(`${origin}/`, (route) => route.fulfill({ contentType: EMPTY_PAGE.type, body: EMPTY_PAGE.text }));
  await page.route(`${origin}/foreign.js`, (route) => route.fulfill({ contentType: SCRIPT.type, body: SCRIPT.text }));
  await page.goto(`${origin}/`);
  const { successes, statuses } = await attemptAll(page, origin);
  for (const [name, text] of successes) expect(text, name).toMatch(/does not answer to the host/);
  expect(successes.has("fetch of the records")).toBe(true);
  expect([...statuses].filter((status) => status !== 200)).toEqual([421]);
  expect(await state()).toBe(before);
});

test("what is tried in vain above works for a page of an allowed origin, so the attempts are real", async (context) => {
  const { broker, page, origin, state } = await theScene(context);
  await page.goto(origin("friend.test"));
  const { successes, statuses } = await attemptAll(page, `http://127.0.0.1:${broker.port}`);
  for (const name of ["fetch of the records", "XMLHttpRequest", "fetch in a worker", "EventSource"])
    expect(successes.get(name), name).toContain(SECRET);
  for (const name of ["preflighted post", "post of a frame", "post that joins a group", "WebSocket"])
    expect(successes.has(name), name).toBe(true);
  expect(statuses).toContain(200);
  const after = await state();
  for (const what of ['"topic":"planted"', '"groupId":"planted"']) expect(after).toContain(what);
});
