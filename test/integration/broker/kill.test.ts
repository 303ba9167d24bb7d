// SIGKILL of a broker while records are being produced: what was acknowledged is there after the restart, once, in order.

import { encodeBatch, setProducer } from "@brooklet/protocol";
import { expect, test } from "vitest";
import { startChildBroker } from "../../support/child-broker.ts";
import { http, postJson, RawSocket } from "../../support/raw-client.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const IN_FLIGHT = 5;
const ACKNOWLEDGED_BEFORE_KILL = 120;

test.each(["disk", "process"] as const)(
  "SIGKILL while producing at %s: nothing acknowledged is lost, nothing doubled",
  async (durability) => {
    const data = temporaryFolder();
    const acknowledged = new Map<number, number>();
    const topic = "t";
    let next = 0;

    const batchOf = (sequence: number) => {
      const batch = encodeBatch([{ key: null, value: Buffer.from(`${sequence}`), headers: [], timestamp: 1 }]);
      setProducer(batch, { producerId: 0, producerEpoch: 0, baseSequence: sequence });
      return batch;
    };
    const sendOne = async (socket: RawSocket, sequence: number) => {
      const batch = batchOf(sequence);
      const { header } = await socket.request(
        "produce",
        { acks: -1, partitions: [{ topic, partition: 0, bytes: batch.length }] },
        [batch],
      );
      const [result] = header.results as [{ baseOffset: number; error?: object }];
      if (result.error !== undefined) throw new Error(JSON.stringify(result.error));
      acknowledged.set(sequence, result.baseOffset);
    };

    for (let round = 0; round < 2; round++) {
      const broker = await startChildBroker({ data, durability });
      if (round === 0) await postJson(broker.url, "/v1/createTopics", { topics: [{ topic, partitions: 1 }] });
      const socket = await RawSocket.greeted(broker.url);
      if (round === 0) expect((await socket.request("initProducerId")).header).toMatchObject({ producerId: 0 });
      // What was on its way when the last broker was killed is sent again with its own sequence, as the SDK does.
      const unresolved = Array.from({ length: next }, (_, sequence) => sequence).filter(
        (sequence) => !acknowledged.has(sequence),
      );
      for (const sequence of unresolved) await sendOne(socket, sequence);
      const target = acknowledged.size + ACKNOWLEDGED_BEFORE_KILL;
      const workers = Array.from({ length: IN_FLIGHT }, async () => {
        while (broker.process.signalCode === null) {
          await sendOne(socket, next++);
          if (acknowledged.size >= target) broker.process.kill("SIGKILL");
        }
      });
      await Promise.allSettled(workers);
      expect(await broker.ended).toMatchObject({ signal: "SIGKILL" });
    }

    const broker = await startChildBroker({ data, durability });
    const stored: string[] = [];
    for (let offset = 0; ; ) {
      const { json } = await http(
        broker.url,
        `/v1/topics/${topic}/partitions/0/records?offset=${offset}&maxRecords=10000`,
      );
      const records = (json?.records ?? []) as { value: number; offset: number }[];
      stored.push(...records.map(({ value }) => `${value}`));
      if (records.length === 0) break;
      offset = json?.nextOffset as number;
    }
    broker.process.kill("SIGTERM");
    await broker.ended;
    expect(new Set(stored).size).toBe(stored.length);
    expect(stored).toEqual(stored.map((_, sequence) => `${sequence}`));
    for (const [sequence, offset] of acknowledged) expect(stored[offset]).toBe(`${sequence}`);
    expect(acknowledged.size).toBeGreaterThanOrEqual(2 * ACKNOWLEDGED_BEFORE_KILL);
  },
);
