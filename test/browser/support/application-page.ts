// A page with an application in it that uses the SDK as it is published (pages/application.ts), on an origin that a broker
// allows. No bundler is needed: the page finds the client by an import map.

import { readFileSync } from "node:fs";
import { type Broker, type BrokerOptions, startBroker } from "@brooklet/server";
import type { JSHandle, Page } from "playwright-core";
import { afterAll, onTestFinished, type TestContext } from "vitest";
import { applicationScript, CLIENT, clientForBrowsers } from "./bundle.ts";
import { openBrowser } from "./chromium.ts";
import { type File, serveFiles } from "./web-server.ts";

type Application = typeof import("../pages/application.ts");

export interface OpenPage {
  readonly page: Page;
  /** The application's functions: `app.evaluate((app, server) => app.readByLoop(server), server)` runs one inside the page. */
  readonly app: JSHandle<Application>;
}

export interface ApplicationPage extends OpenPage {
  readonly broker: Broker;
  /** The page's, which the broker allows. */
  readonly origin: string;
  /** `bootstrap.servers` */
  readonly server: string;
  /** Another page of the same site. */
  another(): Promise<OpenPage>;
}

const IMPORTS = JSON.stringify({ imports: { [CLIENT]: "/client.js" } });
const PAGE = `<!doctype html><script type="importmap">${IMPORTS}</script>`;

async function filesOfSite(): Promise<Record<string, File>> {
  const [client, application] = await Promise.all([clientForBrowsers(), applicationScript()]);
  return {
    "/shop": { type: "text/html", text: PAGE },
    "/client.js": { type: "text/javascript", text: client.code },
    "/application.js": { type: "text/javascript", text: application },
    "/worker.js": {
      type: "text/javascript",
      text: readFileSync(new URL("../pages/worker.js", import.meta.url), "utf8"),
    },
  };
}
let files: Promise<Record<string, File>> | undefined;

/** Starts a broker that allows the page's origin, and opens the page under the name `host`; whoever asks closes both. */
async function open(test: TestContext, options: BrokerOptions, host: string): Promise<ApplicationPage> {
  const browser = await openBrowser(test);
  files ??= filesOfSite();
  const web = await serveFiles(await files);
  const origin = web.origin(host);
  const broker = await startBroker({ ...options, allowedOrigins: [origin] });
  const another = async () => {
    const page = await browser.newPage();
    await page.goto(`${origin}/shop`);
    // As a text: the test runner would turn an import() in a function into one of its own.
    const app = (await page.evaluateHandle("import('/application.js')")) as JSHandle<Application>;
    return { page, app };
  };
  return { ...(await another()), broker, origin, server: `127.0.0.1:${broker.port}`, another };
}

/** A page and a broker of the test's own. */
export async function openApplication(test: TestContext, options: BrokerOptions = {}): Promise<ApplicationPage> {
  const application = await open(test, options, "127.0.0.1");
  onTestFinished(() => application.broker.close());
  return application;
}

let shared: Promise<ApplicationPage> | undefined;

afterAll(async () => {
  await (await shared)?.broker.close();
});

/** One page and one broker for all tests of the file that need nothing special; their topics have names of their own. */
export async function sharedApplication(test: TestContext): Promise<ApplicationPage> {
  // Under a name that is not of the loopback a page of http is no secure context and lacks some of the platform.
  shared ??= open(test, {}, "shop.test");
  return await shared;
}
