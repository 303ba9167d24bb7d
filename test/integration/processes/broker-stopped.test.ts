// SIGTERM and SIGINT of the `brooklet` command while requests are under way: each that was taken is answered, or refused for
// certain; then the process ends with 0, gives the data folder back, and the next start knows that nothing was lost.

import { encodeBatch } from "@brooklet/protocol";
import { startBroker } from "@brooklet/server";
import { expect, test } from "vitest";
import { startBrokerProcess } from "../../support/children/processes.ts";
import { eventually } from "../../support/eventually.ts";
import { http, postJson, RawSocket } from "../../support/raw-client.ts";
import { testFolder } from "../../support/storage-on-file.ts";

const topic = "t";
const ANSWERED_BEFORE_STOP = 60;
const MAX_SENT = 100_000;

/** What became of the record with this number: its offset, a refusal, or no answer before the connection ended. */
type Fate = { readonly offset: number } | { readonly refused: string; readonly definite: boolean } | "unanswered";

async function storedValues(url: string): Promise<string[]> {
  const stored: string[] = [];
  for (;;) {
    const path = `/v1/topics/${topic}/partitions/0/records?offset=${stored.length}&maxRecords=10000`;
    const records = ((await http(url, path)).json?.records ?? []) as { value: number }[];
    if (records.length === 0) return stored;
    stored.push(...records.map(({ value }) => `${value}`));
  }
}

test.each(["SIGTERM", "SIGINT"] as const)(
  "%s drains: what was taken is answered, the folder is free and clean",
  async (signal) => {
    const data = testFolder();
    const broker = await startBrokerProcess({ data, durability: "process" });
    await postJson(broker.url, "/v1/createTopics", { topics: [{ topic }] });
    const socket = await RawSocket.greeted(broker.url);
    const parked = http(broker.url, `/v1/topics/${topic}/partitions/0/records?offset=${MAX_SENT}&maxWaitMs=50000`);
    const parkedOverSocket = socket.request("fetch", {
      maxWaitMs: 50_000,
      minBytes: 1_000_000_000,
      maxBytes: 1_000_000,
      isolation: "read_uncommitted",
      partitions: [{ topic, partition: 0, offset: 0 }],
    });

    const fates: Fate[] = [];
    let isOpen = true;
    void socket.closed.then(() => {
      isOpen = false;
    });
    const sendOne = async () => {
      const number = fates.push("unanswered") - 1;
      const batch = encodeBatch([{ key: null, value: Buffer.from(`${number}`), headers: [], timestamp: 1 }]);
      const { header } = await socket.request(
        "produce",
        { acks: -1, partitions: [{ topic, partition: 0, bytes: batch.length }] },
        [batch],
      );
      const [result] = (header.results ?? []) as { baseOffset: number; error?: { code: string; definite: boolean } }[];
      const error = (header.error ?? result?.error) as { code: string; definite: boolean } | undefined;
      fates[number] =
        error === undefined ? { offset: result?.baseOffset ?? -1 } : { refused: error.code, definite: error.definite };
    };
    const workers = Array.from({ length: 20 }, async () => {
      while (isOpen && fates.length < MAX_SENT) await sendOne().catch(() => {});
    });
    await eventually(
      () => fates.filter((fate) => fate !== "unanswered").length >= ANSWERED_BEFORE_STOP,
      "records are produced",
    );
    expect(await broker.end(signal)).toBe(0);
    await Promise.all(workers);
    expect(await socket.closed).toEqual({ code: 1001, reason: "the broker is stopping" });
    // What waited for data was let go instead of holding up the end.
    expect((await parkedOverSocket).header).toHaveProperty("id");
    await parked;

    // Every refusal is certain.
    for (const fate of fates) if (typeof fate === "object" && "refused" in fate) expect(fate.definite).toBe(true);

    await using next = await startBroker({ data, durability: "process" });
    const stored = await storedValues(next.url);
    // Stored is exactly what was acknowledged, where it was acknowledged: nothing was done without being said.
    const acknowledged = fates.flatMap((fate, number) =>
      typeof fate === "object" && "offset" in fate ? [[fate.offset, `${number}`]] : [],
    );
    expect(stored.map((value, offset) => [offset, value])).toEqual(
      acknowledged.sort(([a], [b]) => Number(a) - Number(b)),
    );
    expect(stored.length).toBeGreaterThanOrEqual(ANSWERED_BEFORE_STOP);
    // Below level disk only a clean end keeps the boot epoch: nothing can have been lost.
    expect((await postJson(next.url, "/v1/status", {})).json).toMatchObject({ bootEpoch: 0 });
  },
);
