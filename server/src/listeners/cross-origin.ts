// What a browser must hear so that a page of another origin may use the broker (CORS): only for the origins that the guard
// allows by name, exactly, and never with a wildcard. For anybody else nothing is said, and the browser refuses.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Guard } from "./guard.ts";

const PREFLIGHT_MAX_AGE_S = 600;

/**
 * Says so in the answer when the page may read it; answers preflights at once, which bring no token and do nothing.
 *
 * Shape: true when the answer has been given.
 */
export function answerCrossOrigin(guard: Guard, request: IncomingMessage, response: ServerResponse): boolean {
  const { origin } = request.headers;
  if (origin === undefined || !guard.allowsOrigin(origin)) return false;
  response.setHeader("access-control-allow-origin", origin);
  response.setHeader("vary", "Origin");
  if (request.method !== "OPTIONS" || request.headers["access-control-request-method"] === undefined) return false;
  response.writeHead(204, {
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": "authorization, content-type, last-event-id",
    "access-control-max-age": String(PREFLIGHT_MAX_AGE_S),
    ...privateNetwork(request),
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
  });
  response.end();
  return true;
}

/** Chromium asks before a public page may reach a private address. */
function privateNetwork(request: IncomingMessage): Record<string, string> {
  const isAsked = request.headers["access-control-request-private-network"] === "true";
  return isAsked ? { "access-control-allow-private-network": "true" } : {};
}
