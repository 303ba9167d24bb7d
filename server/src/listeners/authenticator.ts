// Who has to show a token, and whether it is a good one: one judge for every door (DESIGN.md section 7).
//
// Guessing is slowed: an address that showed too many wrong tokens within a minute is not judged any more until the minute is
// over, not even with a good one, because an answer that differs is what a guesser waits for. Connections that have
// authenticated are not asked again, so nobody who is in notices. A missing token is no guess.
//
// Invariants: without a configured token everybody passes as ANONYMOUS; nothing here keeps, shows or compares a token in
// clear, but for the header that has already opened the very same socket.

import type { IncomingMessage } from "node:http";
import { isIPv6, type Socket } from "node:net";
import { ProtocolError } from "@brooklet/protocol";
import type { Clock } from "@brooklet/protocol/world";
import type { Principal } from "../api/handler.ts";
import { isKnownToken } from "../tokens.ts";
import { ANONYMOUS } from "./dispatch.ts";
import type { RefusalLog } from "./refusal-log.ts";

/** Wrong tokens of one address within the window; above it the address waits for the window's end. */
export const MAX_WRONG_TOKENS = 20;
const WINDOW_MS = 60_000;
/** Addresses whose wrong tokens are counted; the oldest are forgotten first. */
export const MAX_GUESSING_ADDRESSES = 10_000;

/** Whoever showed one of the configured tokens. */
export const TOKEN_HOLDER: Principal = { name: "User:token" };

/** Open to everybody: it says nothing but that the broker is there. */
const OPEN_PATH = "/healthz";
const BEARER = /^Bearer +([^\s]+) *$/i;
/** Names by which people put secrets into URLs. */
const TOKEN_IN_QUERY = /[?&;](?:token|access_token|auth|authorization|api_?key|bearer)=/i;

interface Guesses {
  wrong: number;
  endsAtMs: number;
}

export class Authenticator {
  readonly #digests: readonly Buffer[];
  readonly #clock: Clock;
  readonly #refusals: RefusalLog;
  /** By address, in the order in which their windows began. */
  readonly #guesses = new Map<string, Guesses>();
  /** The header that opened this socket: the same client sends it again and again. */
  readonly #opened = new WeakMap<Socket, string>();

  constructor(services: { digests: readonly Buffer[]; clock: Clock; refusals: RefusalLog }) {
    this.#digests = services.digests;
    this.#clock = services.clock;
    this.#refusals = services.refusals;
  }

  /** Whether a token is configured. */
  get isRequired(): boolean {
    return this.#digests.length > 0;
  }

  /** As whom everybody acts that was let in. */
  get principal(): Principal {
    return this.isRequired ? TOKEN_HOLDER : ANONYMOUS;
  }

  /** Addresses whose wrong tokens are counted now. */
  get guessingAddresses(): number {
    return this.#guesses.size;
  }

  /**
   * Why an HTTP request is not let in; undefined lets it pass.
   *
   * Errors: INVALID_REQUEST for a token in the URL, whether one is wanted or not; else as `checkToken`.
   */
  checkRequest(request: IncomingMessage): ProtocolError | undefined {
    const { url = "", socket } = request;
    if (url.includes("?") && TOKEN_IN_QUERY.test(url)) return tokenInUrl();
    if (!this.isRequired || url === OPEN_PATH) return undefined;
    const header = request.headers.authorization;
    if (header !== undefined && this.#opened.get(socket) === header) return undefined;
    const refusal = this.checkToken(socket.remoteAddress, tokenOf(header));
    if (refusal === undefined && header !== undefined) this.#opened.set(socket, header);
    return refusal;
  }

  /** The same for an upgrade, which may leave the token to its hello: `authenticated` says whether it showed a good one. */
  checkUpgrade(request: IncomingMessage): { refusal?: ProtocolError; authenticated: boolean } {
    const isAnonymous = this.isRequired && request.headers.authorization === undefined;
    if (isAnonymous && !TOKEN_IN_QUERY.test(request.url ?? "")) return { authenticated: false };
    const refusal = this.checkRequest(request);
    return refusal === undefined ? { authenticated: true } : { refusal, authenticated: false };
  }

  /**
   * Why a token is not taken; undefined takes it. `address`: an IP address, with or without a port.
   *
   * Errors: SASL_AUTHENTICATION_FAILED, missing or wrong; THROTTLING_QUOTA_EXCEEDED after too many wrong ones.
   */
  checkToken(address: string | undefined, token: string | undefined): ProtocolError | undefined {
    if (!this.isRequired) return undefined;
    if (token === undefined) {
      return new ProtocolError("SASL_AUTHENTICATION_FAILED", "this broker wants a token, and none was shown", {
        hint: 'Send "Authorization: Bearer <token>", or token in hello; brooklet\'s commands take --token-file.',
      });
    }
    const nowMs = this.#clock.nowMs();
    this.#forget(nowMs);
    const key = addressKey(address ?? "unknown");
    const guesses = this.#guesses.get(key);
    if (guesses !== undefined && guesses.wrong >= MAX_WRONG_TOKENS) {
      this.#refusals.refused("guessing", key, `${guesses.wrong} wrong tokens within a minute`);
      const retryAfterMs = Math.ceil(guesses.endsAtMs - nowMs);
      return new ProtocolError(
        "THROTTLING_QUOTA_EXCEEDED",
        `this address has shown ${MAX_WRONG_TOKENS} wrong tokens within a minute; no token of it is looked at for ${Math.ceil(retryAfterMs / 1000)} s`,
        { hint: "Wait, then come with the right token.", context: { retryAfterMs } },
      );
    }
    if (isKnownToken(token, this.#digests)) return undefined;
    this.#count(key, guesses, nowMs);
    return new ProtocolError("SASL_AUTHENTICATION_FAILED", "the token is none of those that this broker takes", {
      hint: "Compare it with the broker's --token-file; the broker reads that when it starts.",
    });
  }

  #count(key: string, guesses: Guesses | undefined, nowMs: number): void {
    if (guesses !== undefined) {
      guesses.wrong++;
      return;
    }
    if (this.#guesses.size >= MAX_GUESSING_ADDRESSES) {
      const [oldest] = this.#guesses.keys();
      if (oldest !== undefined) this.#guesses.delete(oldest);
    }
    this.#guesses.set(key, { wrong: 1, endsAtMs: nowMs + WINDOW_MS });
  }

  #forget(nowMs: number): void {
    for (const [key, { endsAtMs }] of this.#guesses) {
      if (endsAtMs > nowMs) break;
      this.#guesses.delete(key);
    }
  }
}

/** What stands after "Bearer"; any other header is a wrong token, not a missing one. */
function tokenOf(header: string | undefined): string | undefined {
  return header === undefined ? undefined : (BEARER.exec(header)?.[1] ?? "");
}

function tokenInUrl(): ProtocolError {
  return new ProtocolError("INVALID_REQUEST", "the URL carries a token or key, and URLs end up in logs", {
    hint: 'Send "Authorization: Bearer <token>" instead, and replace the token that was in the URL.',
  });
}

/** Whom guesses are counted for: an IPv4 address, or the /64 network of an IPv6 one, which is one customer's. */
function addressKey(address: string): string {
  const mapped = /^(?:::ffff:)?(\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const bare = address.replace(/%.*$/, "");
  if (!isIPv6(bare)) return address.replace(/:\d+$/, "");
  const [head = "", tail = ""] = bare.split("::");
  const groups = head === "" ? [] : head.split(":");
  const after = tail === "" ? [] : tail.split(":");
  if (bare.includes("::")) while (groups.length + after.length < 8) groups.push("0");
  return `${[...groups, ...after].slice(0, 4).join(":")}::/64`;
}
