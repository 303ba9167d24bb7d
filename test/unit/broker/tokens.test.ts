// Tokens as they are configured: what is taken, what is refused without repeating it, and who else may read the file.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type BrokerOptions, readOptions } from "../../../server/src/options.ts";
import { SettingsError } from "../../../server/src/settings.ts";
import { isKnownToken, MAX_TOKENS } from "../../../server/src/tokens.ts";

const TOKEN = "0123456789abcdef-canary";

function tokenFile(text: string, mode = 0o600): string {
  const folder = mkdtempSync(join(tmpdir(), "brooklet-token-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "tokens");
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

function refusalOf(options: BrokerOptions): string {
  try {
    readOptions(options);
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  }
  return "";
}

test("one token, several, and a file of them are all good; only digests are kept", () => {
  const config = readOptions({
    token: [TOKEN, "a-second-token-of-mine"],
    tokenFile: tokenFile("# mine\n\n  third-token-0123456789  \r\nfourth-token-0123456789"),
  });
  expect(config.tokenDigests).toHaveLength(4);
  for (const token of [TOKEN, "a-second-token-of-mine", "third-token-0123456789", "fourth-token-0123456789"])
    expect(isKnownToken(token, config.tokenDigests)).toBe(true);
  for (const token of ["", "# mine", `${TOKEN} `, TOKEN.slice(1)])
    expect(isKnownToken(token, config.tokenDigests)).toBe(false);
  expect(JSON.stringify(config)).not.toContain("canary");
  expect(readOptions({ token: TOKEN }).tokenDigests).toHaveLength(1);
  expect(readOptions({}).tokenDigests).toEqual([]);
});

test.each<[BrokerOptions["token"] | 7, RegExp]>([
  ["canary-short", /^token: a token has at least 16 characters; one of these has 12$/],
  ["", /at least 16/],
  [[], /no token was given/],
  [[TOKEN, "canary with a space in it"], /visible ASCII/],
  ["canary-ünïcödé-token", /visible ASCII/],
  ["canary\n0123456789abcdef", /visible ASCII/],
  [`canary${"x".repeat(4096)}`, /at most 4096/],
  [Array.from({ length: MAX_TOKENS + 1 }, (_, index) => `${TOKEN}${index}`), /at most 100 tokens/],
  [7, /a token is a text/],
])("the token %j is refused, and not repeated", (token, message) => {
  const refusal = refusalOf({ token } as BrokerOptions);
  expect(refusal).toMatch(message);
  expect(refusal).not.toContain("canary");
});

test.each([
  ["", /holds no token/],
  ["# only a comment\n\n", /holds no token/],
  ["canary\n", /at least 16 characters/],
])("a file with %j is refused", (text, message) => {
  const refusal = refusalOf({ tokenFile: tokenFile(text) });
  expect(refusal).toMatch(message);
  expect(refusal).not.toContain("canary");
});

test("a file that is not there, or is a folder, is refused with all other problems", () => {
  const refusal = refusalOf({ tokenFile: "/nowhere/tokens", port: -1 });
  expect(refusal).toMatch(/^2 problems:\n- port: .*\n- tokenFile: cannot be read: ENOENT/);
  expect(refusalOf({ tokenFile: tmpdir() })).toMatch(/tokenFile: cannot be read/);
});

test.skipIf(process.platform === "win32")("a file that others may read is taken with a warning", () => {
  expect(readOptions({ tokenFile: tokenFile(TOKEN, 0o600) }).warnings).toEqual([]);
  for (const mode of [0o640, 0o604, 0o644])
    expect(readOptions({ tokenFile: tokenFile(TOKEN, mode) }).warnings).toEqual([
      expect.stringMatching(/may be read by others.*chmod 600/),
    ]);
});

test("with a token configured any host may be listened on; an empty one opens nothing", () => {
  expect(refusalOf({ host: "0.0.0.0", token: TOKEN })).toBe("");
  expect(refusalOf({ host: "192.168.0.7", tokenFile: tokenFile(TOKEN) })).toBe("");
  expect(refusalOf({ host: "0.0.0.0" })).toMatch(/no token is configured.*--token-file/);
  expect(refusalOf({ host: "0.0.0.0", token: [] })).toMatch(/no token was given/);
});
