// Who may speak to the broker at all, by Host and Origin: one guard, before routing, for requests and upgrades alike.
//
// A web page must not reach a broker on localhost, neither from another site nor by a name it makes point here (DNS
// rebinding). Names are compared whole after a strict parse, never by pattern; whatever is malformed is refused, and
// nothing here throws on input.

import type { IncomingHttpHeaders } from "node:http";
import { ProtocolError } from "@brooklet/protocol";
import { isLoopbackName, parseHost } from "../hosts.ts";

/** The parts of a request that the guard looks at. */
export interface GuardedRequest {
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
}

export interface GuardRules {
  /** Beside the loopback names: `name` (any port) or `name:port`. */
  readonly allowedHosts: readonly string[];
  /** Web origins beside the broker's own, as browsers write them: `https://console.example`. */
  readonly allowedOrigins: readonly string[];
}

export interface GuardRefusal {
  readonly httpStatus: number;
  readonly error: ProtocolError;
}

const HTTP_DEFAULT_PORT = 80;
export class Guard {
  readonly #hosts: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;
  #port = 0;
  /** The last Host that passed: one client sends the same one again and again. */
  #lastGoodHost: string | undefined;

  constructor({ allowedHosts, allowedOrigins }: GuardRules) {
    this.#hosts = new Set(allowedHosts.map((host) => host.toLowerCase()));
    this.#origins = new Set(allowedOrigins);
  }

  /** The listener is open on `port`; names of loopback are good with this port only. */
  opened(port: number): void {
    this.#port = port;
    this.#lastGoodHost = undefined;
  }

  /** Whether pages of this origin, which is not the broker's own, may read its answers. */
  allowsOrigin(origin: string): boolean {
    return this.#origins.has(origin);
  }

  /** Why the request is refused; undefined lets it pass. */
  check(request: GuardedRequest): GuardRefusal | undefined {
    if (request.url?.charCodeAt(0) !== 0x2f) {
      return { httpStatus: 400, error: new ProtocolError("INVALID_REQUEST", 'the request target must begin with "/"') };
    }
    const { headers } = request;
    const host = headers.host;
    if (host === undefined || countHosts(request.rawHeaders) !== 1 || !this.#isAllowedHost(host)) {
      return {
        httpStatus: 421,
        error: new ProtocolError(
          "CLUSTER_AUTHORIZATION_FAILED",
          host === undefined
            ? "the request has no Host header"
            : `this broker does not answer to the host ${JSON.stringify(host)}`,
          { hint: `Use localhost:${this.#port}, or name the host in allowedHosts (--allowed-hosts).` },
        ),
      };
    }
    return this.#checkOrigin(host, headers);
  }

  #isAllowedHost(host: string): boolean {
    if (host === this.#lastGoodHost) return true;
    const parsed = parseHost(host);
    if (parsed === undefined) return false;
    const port = parsed.port ?? HTTP_DEFAULT_PORT;
    const allowed =
      (port === this.#port && isLoopbackName(parsed.name)) ||
      this.#hosts.has(parsed.name) ||
      this.#hosts.has(`${parsed.name}:${port}`);
    if (allowed) this.#lastGoodHost = host;
    return allowed;
  }

  #checkOrigin(host: string, headers: IncomingHttpHeaders): GuardRefusal | undefined {
    const { origin } = headers;
    if (origin !== undefined) {
      if (this.#origins.has(origin)) return undefined;
      // Browsers write origins in lower case; a Host is equal to one in any.
      if (origin !== `http://${host.toLowerCase()}`) {
        return refusedOrigin(`requests from the web origin ${JSON.stringify(origin)} are refused`);
      }
    }
    // A browser sends no Origin with a plain GET, but it says where the page stands.
    const site = headers["sec-fetch-site"];
    if (site === undefined || site === "same-origin" || site === "none") return undefined;
    return refusedOrigin(
      `requests of web pages of another origin are refused (Sec-Fetch-Site: ${JSON.stringify(site)})`,
    );
  }
}

function refusedOrigin(message: string): GuardRefusal {
  return {
    httpStatus: 403,
    error: new ProtocolError("CLUSTER_AUTHORIZATION_FAILED", message, {
      hint: "If the page may use this broker, name its origin in allowedOrigins (--allowed-origins).",
    }),
  };
}

/** Node keeps only the first of several Host headers; a proxy in front may have looked at the other. */
function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length === 4 && name.toLowerCase() === "host") count++;
  }
  return count;
}
