// Hosts, read strictly: what a Host header, a configured host and an address to listen on mean. Nothing here throws.

import { isIPv4, isIPv6 } from "node:net";

const LOCALHOST = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*localhost$/;
const NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
const HOST_AND_PORT = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253})(?::([1-9][0-9]{0,4}))?$/;

/** A Host header's name and port in lower case; undefined if it is not one. */
export function parseHost(host: string): { name: string; port: number | undefined } | undefined {
  const match = HOST_AND_PORT.exec(host.toLowerCase());
  const name = match?.[1];
  if (name === undefined) return undefined;
  const port = match?.[2] === undefined ? undefined : Number(match[2]);
  if (port !== undefined && port > 65_535) return undefined;
  if (!name.startsWith("[") && !NAME.test(name)) return undefined;
  return { name, port };
}

/** `127.0.0.0/8`, `::1`, `localhost` and names below it: what always means this machine. */
export function isLoopbackName(name: string): boolean {
  if (name === "[::1]" || LOCALHOST.test(name)) return true;
  return name.startsWith("127.") && isIPv4(name);
}

/** Whether an address to listen on is reachable from this machine only. */
export function isLoopbackHost(host: string): boolean {
  return isLoopbackName(host.includes(":") ? `[${host}]` : host.toLowerCase());
}

/** The Host by which clients may address a broker that listens on this one address; none for "all addresses". */
export function hostNamesOf(host: string): string[] {
  if (host === "0.0.0.0" || host === "::") return [];
  return [isIPv6(host) ? `[${host}]` : host];
}

/** Where clients on this machine find a broker that listens on `host`. */
export function urlOf(host: string, port: number): string {
  const name = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `http://${isIPv6(name) ? `[${name}]` : name}:${port}`;
}
