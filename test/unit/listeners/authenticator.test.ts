// Who gets in with a token: the verdicts, how guessing is slowed, and that what is counted stays bounded.

import type { IncomingMessage } from "node:http";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  Authenticator,
  MAX_GUESSING_ADDRESSES,
  MAX_WRONG_TOKENS,
  TOKEN_HOLDER,
  WRONG_TOKEN_DELAY_MS,
} from "../../../server/src/listeners/authenticator.ts";
import { ANONYMOUS } from "../../../server/src/listeners/dispatch.ts";
import { RefusalLog } from "../../../server/src/listeners/refusal-log.ts";
import { digestsOf } from "../../../server/src/tokens.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";

const TOKEN = "0123456789abcdef-canary";
const OTHER = "fedcba9876543210-canary";

function judge(...tokens: string[]) {
  const clock = new SimulatedClock();
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const digests = tokens.length === 0 ? [] : digestsOf(tokens).digests;
  return { clock, authenticator: new Authenticator({ digests, clock, refusals: new RefusalLog(logger, clock) }) };
}

const request = (headers: object, url = "/v1/topics", socket: object = { remoteAddress: "127.0.0.1" }) =>
  ({ url, headers, socket }) as unknown as IncomingMessage;

test("without a configured token everybody passes, as ANONYMOUS; a token in a URL is refused all the same", () => {
  const { authenticator } = judge();
  expect(authenticator.checkRequest(request({}))).toBeUndefined();
  expect(authenticator.checkToken("1.2.3.4", undefined)).toBeUndefined();
  expect(authenticator.principal).toBe(ANONYMOUS);
  expect(authenticator.checkRequest(request({}, `/v1/topics?token=${TOKEN}`))?.error.code).toBe("INVALID_REQUEST");
});

test("each of the configured tokens passes, in a header or in hello; nobody else does", () => {
  const { authenticator } = judge(TOKEN, OTHER);
  expect(authenticator.principal).toBe(TOKEN_HOLDER);
  for (const token of [TOKEN, OTHER]) {
    expect(authenticator.checkToken("1.2.3.4", token)).toBeUndefined();
    expect(authenticator.checkRequest(request({ authorization: `Bearer ${token}` }))).toBeUndefined();
    expect(authenticator.checkRequest(request({ authorization: `bearer  ${token} ` }))).toBeUndefined();
  }
  for (const authorization of [undefined, "", "Bearer", `Bearer ${TOKEN}x`, `Basic ${TOKEN}`, TOKEN, "Bearer a b"]) {
    const error = authenticator.checkRequest(request({ authorization }))?.error;
    expect({ code: error?.code, hint: error?.hint }).toEqual({
      code: "SASL_AUTHENTICATION_FAILED",
      hint: expect.any(String),
    });
  }
});

test("/healthz alone is open", () => {
  const { authenticator } = judge(TOKEN);
  expect(authenticator.checkRequest(request({}, "/healthz"))).toBeUndefined();
  for (const url of ["/metrics", "/healthz/", "/healthz?x", "/v1/healthz", "//healthz", "/", "/no-such-route"]) {
    expect(authenticator.checkRequest(request({}, url))?.error.code, url).toBe("SASL_AUTHENTICATION_FAILED");
  }
});

test.each([
  "/v1/topics?token=x",
  "/v1/topics?a=b&access_token=x",
  "/v1/ws?TOKEN=x",
  "/healthz?api_key=x",
  "/healthz?apikey=",
])("a secret in the URL %s is refused with a hint", (url) => {
  const { authenticator } = judge(TOKEN);
  const denial = authenticator.checkRequest(request({ authorization: `Bearer ${TOKEN}` }, url));
  expect(denial).toMatchObject({
    error: { code: "INVALID_REQUEST", hint: expect.stringContaining("Authorization") },
    delayMs: 0,
  });
  expect(authenticator.checkUpgrade(request({}, url)).denial?.error.code).toBe("INVALID_REQUEST");
});

test("an upgrade may leave its token to the hello, and a wrong one in its header is refused at once", () => {
  const { authenticator } = judge(TOKEN);
  expect(authenticator.checkUpgrade(request({}))).toEqual({ authenticated: false });
  expect(authenticator.checkUpgrade(request({ authorization: `Bearer ${TOKEN}` }))).toEqual({ authenticated: true });
  expect(authenticator.checkUpgrade(request({ authorization: "Bearer wrong" }))).toMatchObject({
    authenticated: false,
    denial: { error: { code: "SASL_AUTHENTICATION_FAILED" } },
  });
});

test("after too many wrong tokens of an address each further one is answered late, in the same words, until the minute is over", () => {
  const { authenticator, clock } = judge(TOKEN);
  const judged = (address: string, token = "wrong") => {
    const { error, delayMs } = authenticator.checkToken(address, token) ?? {};
    return { error: error?.toWire(), delayMs };
  };
  const first = judged("10.0.0.1:5000");
  expect(first).toMatchObject({ error: { code: "SASL_AUTHENTICATION_FAILED" }, delayMs: 0 });
  for (let count = 1; count < MAX_WRONG_TOKENS; count++)
    expect(judged("10.0.0.1:5000", `wrong ${count}`)).toEqual(first);
  for (const address of ["10.0.0.1:6000", "::ffff:10.0.0.1"])
    expect(judged(address)).toEqual({ ...first, delayMs: WRONG_TOKEN_DELAY_MS });
  expect(judged("10.0.0.2:5000")).toEqual(first);
  clock.skip(59_999);
  expect(judged("10.0.0.1")).toEqual({ ...first, delayMs: WRONG_TOKEN_DELAY_MS });
  clock.skip(1);
  expect(judged("10.0.0.1")).toEqual(first);
});

test("a right token passes at any time: whoever shares an address with a guesser is not locked out", () => {
  const { authenticator } = judge(TOKEN);
  for (let count = 0; count < 10 * MAX_WRONG_TOKENS; count++) authenticator.checkToken("127.0.0.1", "wrong");
  expect(authenticator.checkToken("127.0.0.1", TOKEN)).toBeUndefined();
  const mine = request({ authorization: `Bearer ${TOKEN}` });
  expect(authenticator.checkRequest(mine)).toBeUndefined();
  // The same connection with another header is judged anew.
  const changed = request({ authorization: "Bearer wrong" }, "/v1/topics", mine.socket);
  expect(authenticator.checkRequest(changed)).toMatchObject({ delayMs: WRONG_TOKEN_DELAY_MS });
});

test("a missing token is no guess", () => {
  const { authenticator } = judge(TOKEN);
  for (let count = 0; count < 100; count++) authenticator.checkToken("10.0.0.1", undefined);
  expect(authenticator.guessingAddresses).toBe(0);
  expect(authenticator.checkToken("10.0.0.1", TOKEN)).toBeUndefined();
});

test("one /64 network of IPv6 is one guesser, however its addresses are written", () => {
  const { authenticator } = judge(TOKEN);
  for (let count = 0; count < MAX_WRONG_TOKENS; count++) authenticator.checkToken(`2001:db8:0:1::${count}`, "wrong");
  expect(authenticator.guessingAddresses).toBe(1);
  expect(authenticator.checkToken("2001:db8:0:1:ffff:0:0:1", "wrong")?.delayMs).toBe(WRONG_TOKEN_DELAY_MS);
  expect(authenticator.checkToken("2001:db8:0:2::1", "wrong")?.delayMs).toBe(0);
});

test("addresses that guess are bounded, the oldest forgotten first, and all after a minute", () => {
  const { authenticator, clock } = judge(TOKEN);
  for (let index = 0; index < MAX_GUESSING_ADDRESSES + 50; index++)
    authenticator.checkToken(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, "wrong");
  expect(authenticator.guessingAddresses).toBe(MAX_GUESSING_ADDRESSES);
  clock.skip(60_000);
  authenticator.checkToken("10.0.0.1", "wrong");
  expect(authenticator.guessingAddresses).toBe(1);
});

test("whatever is shown as a token, of any length, is judged without an exception, and never repeated", () => {
  const { authenticator, clock } = judge(TOKEN);
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary", maxLength: 10_000 }), fc.string()), (text) => {
      clock.skip(60_000);
      const refusal = authenticator.checkRequest(request({ authorization: `Bearer ${text}` }))?.error;
      expect(refusal?.code).toBe("SASL_AUTHENTICATION_FAILED");
      if (text.trim().length > 8) expect(JSON.stringify(refusal?.toWire())).not.toContain(text);
    }),
    { numRuns: 100 },
  );
});
