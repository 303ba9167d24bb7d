// A page with an application in it that uses the SDK (pages/application.ts), on an origin that a broker allows.

import { fileURLToPath } from "node:url";

import { type Broker, type BrokerOptions, startBroker } from "@brooklet/server";
import type { JSHandle, Page } from "playwright-core";
import { onTestFinished, type TestContext } from "vitest";
import { type Bundle, bundleForBrowsers } from "./bundle.ts";
import { openBrowser } from "./chromium.ts";
import { serveFiles } from "./web-server.ts";

type Application = typeof import("../pages/application.ts");
const application = fileURLToPath(new URL("../pages/application.ts", import.meta.url));

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

let bundled: Promise<Bundle> | undefined;

/** Starts a broker that allows the page's origin, and opens the page under the name `host`. */
export async function openApplication(
  test: TestContext,
  options: BrokerOptions = {},
  host = "127.0.0.1",
): Promise<ApplicationPage> {
  const browser = await openBrowser(test);
  bundled ??= bundleForBrowsers(application);
  const { code } = await bundled;
  const web = await serveFiles({ "/application.js": { type: "text/javascript", text: code } });
  const origin = web.origin(host);
  const broker = await startBroker({ ...options, allowedOrigins: [origin] });
  onTestFinished(() => broker.close());
  const another = async () => {
    const page = await browser.newPage();
    await page.goto(origin);
    // As a text: the test runner would turn an import() in a function into one of its own.
    const app = (await page.evaluateHandle("import('/application.js')")) as JSHandle<Application>;
    return { page, app };
  };
  return { ...(await another()), broker, origin, server: `127.0.0.1:${broker.port}`, another };
}
