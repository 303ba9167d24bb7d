// Tokens: where they are read from, and what is kept of them. Invariant: past this file nobody holds a token, only its
// SHA-256; no problem or warning that is told from here repeats one.

import { createHash, timingSafeEqual } from "node:crypto";
import { readFileSync, statSync } from "node:fs";

/** Shorter ones can be guessed. */
export const MIN_TOKEN_LENGTH = 16;
/** What the `token` of a hello may have (protocol/src/apis/hello.ts). */
export const MAX_TOKEN_LENGTH = 4096;
/** Each one is compared with at every attempt. */
export const MAX_TOKENS = 100;
const MAX_FILE_BYTES = 1024 * 1024;
/** What a header can carry without quoting: visible ASCII. */
const TOKEN = /^[\x21-\x7e]+$/;

/** What is wrong with a token, in words that do not repeat it; undefined: nothing. */
function tokenProblem(token: unknown): string | undefined {
  if (typeof token !== "string") return "a token is a text";
  if (token.length < MIN_TOKEN_LENGTH)
    return `a token has at least ${MIN_TOKEN_LENGTH} characters; one of these has ${token.length}`;
  if (token.length > MAX_TOKEN_LENGTH) return `a token has at most ${MAX_TOKEN_LENGTH} characters`;
  return TOKEN.test(token) ? undefined : "a token consists of visible ASCII characters without spaces";
}

/** Tokens as they were given: their digests, and everything that is wrong. */
export function digestsOf(tokens: readonly unknown[]): { digests: Buffer[]; problems: string[] } {
  const problems = new Set<string>();
  if (tokens.length === 0) problems.add("no token was given: leave it out, or give at least one");
  if (tokens.length > MAX_TOKENS) problems.add(`at most ${MAX_TOKENS} tokens are taken; these are ${tokens.length}`);
  for (const token of tokens) {
    const problem = tokenProblem(token);
    if (problem !== undefined) problems.add(problem);
  }
  if (problems.size > 0) return { digests: [], problems: [...problems] };
  return { digests: tokens.map((token) => digestOf(String(token))), problems: [] };
}

/**
 * The tokens of a file: one a line, empty lines and lines that begin with # left out.
 *
 * Shape: `warning` when others than its owner may read it.
 */
export function readTokenFile(path: string): { tokens: string[]; problem?: string; warning?: string } {
  try {
    const { mode, size } = statSync(path);
    if (size > MAX_FILE_BYTES) return { tokens: [], problem: `${path} is no token file: it has ${size} bytes` };
    const tokens = readFileSync(path, "utf8")
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("#"));
    if (tokens.length === 0) return { tokens, problem: `${path} holds no token: write one in a line of its own` };
    const isOpen = process.platform !== "win32" && (mode & 0o077) !== 0;
    return isOpen
      ? { tokens, warning: `${path} may be read by others than its owner: chmod 600 keeps the tokens to yourself` }
      : { tokens };
  } catch (error) {
    return { tokens: [], problem: `cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}

export function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/** Whether one of the digests is the token's. Takes as long for a wrong one as for a right one, whatever its length. */
export function isKnownToken(token: string, digests: readonly Buffer[]): boolean {
  const digest = digestOf(token);
  let known = false;
  for (const candidate of digests) known = timingSafeEqual(candidate, digest) || known;
  return known;
}
