// Where the pages of the tests come from: a small web server on a port of its own, so every page of it is of another origin
// than the broker. It answers to any name, and ends with the test file.

import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll } from "vitest";

export interface File {
  readonly type: string;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface WebServer {
  readonly port: number;
  /** The origin of its pages under a host name. */
  origin(host: string): string;
}

const running: Server[] = [];

afterAll(() => {
  for (const server of running) {
    server.closeAllConnections();
    server.close();
  }
});

export const EMPTY_PAGE: File = { type: "text/html", text: "<!doctype html><title>page</title><body>" };

/** Serves an empty page at `/`, the files by path, and `/redirect?to=URL`, which keeps method and body. */
export async function serveFiles(files: Readonly<Record<string, File>>): Promise<WebServer> {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://page");
    const file = pathname === "/" ? EMPTY_PAGE : files[pathname];
    if (pathname === "/redirect") {
      response.writeHead(307, { location: searchParams.get("to") ?? "/", "access-control-allow-origin": "*" }).end();
    } else if (file === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": `${file.type}; charset=utf-8`, ...file.headers }).end(file.text);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  running.push(server);
  const { port } = server.address() as AddressInfo;
  return { port, origin: (host) => `http://${host}:${port}` };
}
