// Who has to show a token, and whether it is a good one: one judge for every door (DESIGN.md section 7).
//
// Guessing is slowed: above so many wrong tokens of an address within a minute each further one is answered late, in the same
// words. A good one passes at any time: whoever shares an address with a guesser must not be locked out, and what keeps a
// token from being guessed is its length. A missing token is no guess.
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

/** Wrong tokens of one address within the window that are answered at once. */
export const MAX_WRONG_TOKENS = 20;
/** How late the others are answered (Kafka's connection.failed.authentication.delay.ms, but for the first ones). */
export const WRONG_TOKEN_DELAY_MS = 1_000;
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

/** Why somebody is not let in. */
export interface Denial {
  readonly error: ProtocolError;
  /** How late to say so; 0: at once. */
  readonly delayMs: number;
}

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
  checkRequest(request: IncomingMessage): Denial | undefined {
    const { url = "", socket } = request;
    if (url.includes("?") && TOKEN_IN_QUERY.test(url)) return { error: tokenInUrl(), delayMs: 0 };
    if (!this.isRequired || url === OPEN_PATH) return undefined;
    const header = request.headers.authorization;
    if (header !== undefined && this.#opened.get(socket) === header) return undefined;
    const denial = this.checkToken(socket.remoteAddress, tokenOf(header));
    if (denial === undefined && header !== undefined) this.#opened.set(socket, header);
    return denial;
  }

  /** The same for an upgrade, which may leave the token to its hello: `authenticated` says whether it showed a good one. */
  checkUpgrade(request: IncomingMessage): { denial?: Denial; authenticated: boolean } {
    const isAnonymous = this.isRequired && request.headers.authorization === undefined;
    if (isAnonymous && !TOKEN_IN_QUERY.test(request.url ?? "")) return { authenticated: false };
    const denial = this.checkRequest(request);
    return denial === undefined ? { authenticated: true } : { denial, authenticated: false };
  }

  /**
   * Why a token is not taken; undefined takes it. `address`: an IP address, with or without a port.
   *
   * Errors: SASL_AUTHENTICATION_FAILED, missing or wrong.
   */
  checkToken(address: string | undefined, token: string | undefined): Denial | undefined {
    if (!this.isRequired) return undefined;
    if (token === undefined) {
      const error = new ProtocolError("SASL_AUTHENTICATION_FAILED", "this broker wants a token, and none was shown", {
        hint: 'Send "Authorization: Bearer <token>", or token in hello; brooklet\'s commands take --token-file.',
      });
      return { error, delayMs: 0 };
    }
    if (isKnownToken(token, this.#digests)) return undefined;
    const key = addressKey(address ?? "unknown");
    const wrong = this.#count(key);
    if (wrong > MAX_WRONG_TOKENS) this.#refusals.refused("guessing", key, `${wrong} wrong tokens within a minute`);
    const error = new ProtocolError("SASL_AUTHENTICATION_FAILED", "the token is none of those that this broker takes", {
      hint: "Compare it with the broker's --token-file; the broker reads that when it starts.",
    });
    return { error, delayMs: wrong > MAX_WRONG_TOKENS ? WRONG_TOKEN_DELAY_MS : 0 };
  }

  /** Wrong tokens of this address in its minute, with this one. */
  #count(key: string): number {
    const nowMs = this.#clock.nowMs();
    this.#forget(nowMs);
    const known = this.#guesses.get(key);
    if (known !== undefined) return ++known.wrong;
    if (this.#guesses.size >= MAX_GUESSING_ADDRESSES) {
      const [oldest] = this.#guesses.keys();
      if (oldest !== undefined) this.#guesses.delete(oldest);
    }
    this.#guesses.set(key, { wrong: 1, endsAtMs: nowMs + WINDOW_MS });
    return 1;
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
