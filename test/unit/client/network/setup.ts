// A broker client over a fake network, and the requests that its tests send.

import { afterEach, expect } from "vitest";
import { type BrokerClientOptions, createBrokerClient } from "../../../../client-sdk/src/network/broker-client.ts";
import type { BrokerClient } from "../../../../client-sdk/src/network/client.ts";
import { type FakeBroker, FakeNetwork, pass } from "../../../support/fake-broker.ts";
import { SimulatedClock } from "../../../support/simulated-clock.ts";
import { simulatedRandom } from "../../../support/simulated-random.ts";
import { outcomeOf, watch } from "../../../support/watch.ts";

/** The test's own time; a new one with each `start`. */
export let clock = new SimulatedClock();
let clients: BrokerClient[] = [];

export function closeAfterEach(): void {
  afterEach(async () => {
    const closed = watch(Promise.all(clients.map((client) => client.close())));
    await clock.runUntil(() => closed.settled);
    // What is on its way in the network is not the client's.
    await clock.advance(50);
    expect(clock.liveTimers, "timers left after close").toBe(0);
    clients = [];
  });
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };

export function start(options: Partial<BrokerClientOptions> = {}) {
  clock = new SimulatedClock();
  const network = new FakeNetwork(clock);
  const client = createBrokerClient({
    bootstrapServers: ["a:1"],
    clientId: "test",
    requestTimeoutMs: 30_000,
    reconnectBackoffMs: 50,
    reconnectBackoffMaxMs: 1_000,
    connectTimeoutMs: 10_000,
    pinCluster: true,
    world: { clock, random: simulatedRandom(1), transport: network },
    logger: silent,
    ...options,
  });
  clients.push(client);
  return { network, client };
}

export const outcome = <T>(promise: Promise<T>) => outcomeOf(clock, promise);

export const ask = (client: BrokerClient, options = {}) => client.request("metadata", { topics: ["t"] }, options);

export const produce = (client: BrokerClient, bytes: number) =>
  client.request(
    "produce",
    { acks: -1, partitions: [{ topic: "t", partition: 0, bytes }] },
    { payload: [new Uint8Array(bytes)] },
  );

export const fetch = (client: BrokerClient, options = {}) =>
  client.request(
    "fetch",
    { maxWaitMs: 500, minBytes: 1, maxBytes: 1, isolation: "read_uncommitted", partitions: [] },
    options,
  );

export const heartbeat = (client: BrokerClient, options = {}) =>
  client.request("groupHeartbeat", { groupId: "g", memberId: "m", memberEpoch: 1, seq: 1 }, options);

/** The next answers of an API are withheld; what is returned gives them. */
export function withhold(broker: FakeBroker, api: string): () => void {
  const held: (() => void)[] = [];
  broker.script = (request) =>
    request.api === api
      ? new Promise((resolve) => held.push(() => resolve(api === "fetch" ? { results: [] } : broker.answer(request))))
      : pass;
  return () => {
    broker.script = () => pass;
    for (const release of held) release();
  };
}
