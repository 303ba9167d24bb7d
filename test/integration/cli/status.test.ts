// `brooklet status` and the question that `brooklet` asks itself: what cannot be reached, and what is no broker.

import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { fetchStatus } from "../../../cli/src/commands/broker/broker-status.ts";
import { brooklet } from "./command.ts";

async function serverAt(handle: RequestListener): Promise<string> {
  const server = createServer(handle).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test.each(["127.0.0.1:1", "127.0.0.1:6667"])(
  "nobody at %s, a port that fetch() does not speak to: unreachable, and why",
  async (server) => {
    const nobody = await brooklet(["status", "-b", server]);
    expect(nobody).toMatchObject({ code: 6, stdout: "" });
    expect(nobody.stderr).toBe(
      `brooklet: no broker answers at http://${server}: connect ECONNREFUSED\n  Is a broker running there? \`brooklet\` starts one; -b names another.\n`,
    );
  },
);

test.each(["nonsense:x", "nonsense", "localhost:0", ","])("-b %s is a usage error, as of other commands", async (b) => {
  const status = await brooklet(["status", "-b", b]);
  expect(status).toMatchObject({ code: 2, stdout: "" });
  expect(status.stderr).toContain("bootstrap.servers");
  expect(await brooklet(["topics", "list", "-b", b])).toEqual(status);
});

test.each([
  ["another server", 404, "not found"],
  ["one that says yes to everything", 200, "yes"],
  ["one that speaks JSON", 200, '{"clusterName":"theirs"}'],
])("%s is no broker, and says so", async (_, code, body) => {
  const server = await serverAt((_request, response) => void response.writeHead(code).end(body));
  const status = await brooklet(["status", "-b", server]);
  expect(status).toMatchObject({ code: 1, stdout: "" });
  expect(status.stderr).toContain(`http://${server} answers ${code}, and not as a brooklet broker does`);
});

test("an answer without end, or cut off, is none", async () => {
  const endless = await serverAt((_request, response) => {
    const more = () => {
      while (!response.destroyed && response.write("x".repeat(64 * 1024)));
    };
    response.on("drain", more);
    more();
  });
  const signal = new AbortController().signal;
  await expect(fetchStatus(`http://${endless}`, signal)).rejects.toThrow(/no broker answers at .*does not end/);
  const cut = await serverAt((_request, response) => {
    response.write("{", () => response.destroy());
  });
  await expect(fetchStatus(`http://${cut}`, signal)).rejects.toThrow(/no broker answers at/);
});

test("what accepts and is silent is given up after --timeout-ms", async () => {
  const silent = createTcpServer(() => undefined).listen(0, "127.0.0.1");
  onTestFinished(() => void silent.close());
  await new Promise((resolve) => silent.once("listening", resolve));
  const server = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const status = await brooklet(["status", "-b", server, "--timeout-ms", "100"]);
  expect(status).toMatchObject({ code: 6, stdout: "" });
  expect(status.stderr).toContain(`${server} does not answer within 0.1 s`);
});
