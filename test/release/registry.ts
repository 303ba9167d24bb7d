// A registry that holds the packed packages, and sends npm on to another one for everything else.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { basename } from "node:path";

export interface Registry extends AsyncDisposable {
  readonly url: string;
}

/** Serves each tarball with the package.json it was packed from; `upstream` is where the others are. */
export async function startRegistry(
  packed: readonly { tarball: string; manifest: object }[],
  upstream: string,
): Promise<Registry> {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://here").pathname).slice(1);
    for (const { tarball, manifest } of packed) {
      const { name, version } = manifest as { name: string; version: string };
      if (path === `-/${basename(tarball)}`) {
        response.end(readFileSync(tarball));
        return;
      }
      if (path !== name) continue;
      const integrity = `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`;
      const dist = { tarball: `${url}/-/${basename(tarball)}`, integrity };
      response.setHeader("content-type", "application/json");
      response.end(
        JSON.stringify({ name, "dist-tags": { latest: version }, versions: { [version]: { ...manifest, dist } } }),
      );
      return;
    }
    response.writeHead(302, { location: new URL((request.url ?? "/").slice(1), upstream).href }).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no address");
  const url = `http://127.0.0.1:${address.port}`;
  return {
    url,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
