// The Host and Origin guard as a function: what passes, what does not, and that nothing makes it throw.

import fc from "fast-check";
import { expect, test } from "vitest";
import { Guard, type GuardRules } from "../../../server/src/listeners/guard.ts";

const PORT = 4092;

function guardWith(rules: Partial<GuardRules> = {}): Guard {
  const guard = new Guard({ allowedHosts: [], allowedOrigins: [], ...rules });
  guard.opened(PORT);
  return guard;
}

/** A request as Node shows it: the first of several Host headers only, but all of them raw. */
function request(headers: Record<string, string | undefined>, { url = "/healthz", hosts = 1 } = {}) {
  const given = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const rawHeaders = given.flatMap(([name, value]) =>
    Array.from({ length: name === "host" ? hosts : 1 }, () => [name, value]).flat(),
  );
  return { url, headers: Object.fromEntries(given), rawHeaders };
}

const statusOf = (guard: Guard, headers: Record<string, string | undefined>, options = {}) =>
  guard.check(request(headers, options))?.httpStatus;

test.each([
  "localhost:4092",
  "LOCALHOST:4092",
  "app.localhost:4092",
  "a.b.localhost:4092",
  "127.0.0.1:4092",
  "127.8.9.10:4092",
  "[::1]:4092",
])("the host %s means this machine and passes", (host) => {
  expect(statusOf(guardWith(), { host })).toBeUndefined();
});

test.each([
  undefined,
  "",
  " ",
  "localhost",
  "localhost:80",
  "localhost:4093",
  "localhost:04092",
  "localhost:4092 ",
  " localhost:4092",
  "localhost:4092,evil.test",
  "localhost:4092@evil.test",
  "evil.test@localhost:4092",
  "user:localhost@evil.test:4092",
  "localhost.:4092",
  "localhost..:4092",
  ".localhost:4092",
  "-.localhost:4092",
  "localhost.evil.test:4092",
  "localhost.evil:4092",
  "evillocalhost:4092",
  "evil.test:4092",
  "127.0.0.1.evil.test:4092",
  "127.0.0.1.:4092",
  "127.1:4092",
  "127.0.0.01:4092",
  "127.0.0.256:4092",
  "0.0.0.0:4092",
  "0:4092",
  "2130706433:4092",
  "0x7f000001:4092",
  "192.168.0.1:4092",
  "[::]:4092",
  "[::1%25lo]:4092",
  "[::1%lo]:4092",
  "[::ffff:127.0.0.1]:4092",
  "[::1:4092",
  "::1:4092",
  "[]:4092",
  "localhost:99999",
  "localhost:-1",
  "localhost:0x1",
  "localhost:4092/",
  "localhost:4092#",
  "localhost:4092?",
  "http://localhost:4092",
  "local host:4092",
  "localhost\t:4092",
  "localhost\u0000:4092",
  "lоcalhost:4092",
  "％6cocalhost:4092",
  "*:4092",
  "*.localhost:4092",
  "__proto__",
  "constructor",
  "[[[",
  "a".repeat(300),
])("the host %j is refused with 421", (host) => {
  expect(statusOf(guardWith(), { host })).toBe(421);
});

test("two Host headers are refused, even if both are good", () => {
  expect(statusOf(guardWith(), { host: "localhost:4092" }, { hosts: 2 })).toBe(421);
});

test("configured hosts pass, with their port if they name one", () => {
  const guard = guardWith({ allowedHosts: ["Broker.Internal", "proxy.internal:8443"] });
  expect(statusOf(guard, { host: "broker.internal" })).toBeUndefined();
  expect(statusOf(guard, { host: "BROKER.internal:1234" })).toBeUndefined();
  expect(statusOf(guard, { host: "proxy.internal:8443" })).toBeUndefined();
  expect(statusOf(guard, { host: "proxy.internal:4092" })).toBe(421);
  expect(statusOf(guard, { host: "sub.broker.internal" })).toBe(421);
});

test("a host that passed before the port was known is judged anew", () => {
  const guard = guardWith();
  expect(statusOf(guard, { host: "localhost:4092" })).toBeUndefined();
  guard.opened(5000);
  expect(statusOf(guard, { host: "localhost:4092" })).toBe(421);
});

test("without an Origin a client that is no browser passes; the broker's own pages pass", () => {
  const guard = guardWith();
  expect(statusOf(guard, { host: "localhost:4092" })).toBeUndefined();
  expect(statusOf(guard, { host: "localhost:4092", origin: "http://localhost:4092" })).toBeUndefined();
  expect(statusOf(guard, { host: "[::1]:4092", origin: "http://[::1]:4092" })).toBeUndefined();
});

test.each([
  "null",
  "",
  "http://localhost",
  "http://localhost:3000",
  "https://localhost:4092",
  "http://127.0.0.1:4092",
  "http://localhost:4092/",
  "http://localhost:4092.evil.test",
  "http://evil.test",
  "http://evil.test:4092",
  "http://localhost:4092@evil.test",
  "HTTP://localhost:4092",
  "http://LOCALHOST:4092",
  "http://localhost:4092, http://evil.test",
  "file://",
  "chrome-extension://abcdef",
  "javascript:alert(1)",
  "*",
  "[object Object]",
  "http://localhost:4092\u0000",
  "http://localhost:4092\t",
  " http://localhost:4092",
  "http://localhost:4092 ",
  "http://localhost:4092?",
  "http://localhost:4092#x",
  "http://localhost:04092",
  "http://localhost:4092:4092",
  "http://[::1]:4092",
  "http://127.0.0.1",
  "http://127.1:4092",
  "http://0.0.0.0:4092",
  "http://localhost.:4092",
  "http://app.localhost:4092",
  "http://user@localhost:4092",
  "http:localhost:4092",
  "//localhost:4092",
  "localhost:4092",
  "ws://localhost:4092",
  "moz-extension://localhost:4092",
  "data:text/html,x",
  "blob:http://localhost:4092",
  "about:blank",
  "undefined",
  "https://console.example.",
  "https://console.example:443",
])("the origin %j is refused with 403", (origin) => {
  expect(statusOf(guardWith(), { host: "localhost:4092", origin })).toBe(403);
});

test("a configured origin passes, whole and exactly", () => {
  const guard = guardWith({ allowedOrigins: ["https://console.example"] });
  const headers = { host: "localhost:4092", "sec-fetch-site": "cross-site" };
  expect(statusOf(guard, { ...headers, origin: "https://console.example" })).toBeUndefined();
  expect(statusOf(guard, { ...headers, origin: "https://console.example.evil.test" })).toBe(403);
  expect(statusOf(guard, { ...headers, origin: "http://console.example" })).toBe(403);
});

test("a page of another origin is known by Sec-Fetch-Site where it sends no Origin", () => {
  for (const site of ["cross-site", "same-site", "nonsense", ""]) {
    expect(statusOf(guardWith(), { host: "localhost:4092", "sec-fetch-site": site })).toBe(403);
  }
  for (const site of ["same-origin", "none"]) {
    expect(statusOf(guardWith(), { host: "localhost:4092", "sec-fetch-site": site })).toBeUndefined();
  }
});

test.each(["http://localhost:4092/healthz", "*", "", "healthz"])("the request target %j is refused", (url) => {
  expect(statusOf(guardWith(), { host: "localhost:4092" }, { url })).toBe(400);
});

test("whatever the headers are, the guard answers and does not throw", () => {
  const guard = guardWith({ allowedHosts: ["broker.internal"], allowedOrigins: ["https://console.example"] });
  const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.webUrl(), fc.domain(), fc.ipV4(), fc.ipV6());
  fc.assert(
    fc.property(fc.option(text), fc.option(text), fc.option(text), (host, origin, site) => {
      const refusal = guard.check(
        request({ host: host ?? undefined, origin: origin ?? undefined, "sec-fetch-site": site ?? undefined }),
      );
      expect(refusal === undefined || refusal.httpStatus >= 400).toBe(true);
    }),
    { numRuns: 300 },
  );
});
