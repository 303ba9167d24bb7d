// What @brooklet/server exports against the promise made to embedders: tsc is the judge of shapes, the test of what answers.
// The interfaces here are the promise as it was given; nothing is derived from the code.

import * as ours from "@brooklet/server";
import { expect, test } from "vitest";

interface Broker extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly closed: Promise<void>;
  close(): Promise<void>;
}
type StartBroker = (options?: {
  port?: number;
  host?: string;
  data?: string;
  ephemeral?: boolean;
  durability?: "disk" | "process" | "memory";
  settings?: Record<string, string | number | boolean>;
  logger?: unknown;
  world?: unknown;
}) => Promise<Broker>;

const startBroker: StartBroker = ours.startBroker;

test("startBroker answers with url, port, close, closed and asyncDispose, installs no process handlers, and ends", async () => {
  const handlers = () => process.eventNames().map((name) => [name, process.listenerCount(name)]);
  const before = handlers();
  const broker = await startBroker({ port: 0, settings: { "num.partitions": "2", "auto.create.topics.enable": true } });
  expect(broker.url).toBe(`http://127.0.0.1:${broker.port}`);
  expect(handlers()).toEqual(before);
  await broker.close();
  await expect(broker.closed).resolves.toBeUndefined();
  await broker[Symbol.asyncDispose]();
  await expect(startBroker({ ephemeral: true, data: "somewhere" })).rejects.toThrow("ephemeral");
});
