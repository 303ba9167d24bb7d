// A consumer on the simulated clock before a fake broker, and ways to drive it.

import type { ConsumerConfig } from "../../../client-sdk/src/config/consumer.ts";
import type { ConsumerRecord } from "../../../client-sdk/src/consumed.ts";
import { Consumer } from "../../../client-sdk/src/consumer/consumer.ts";
import { string } from "../../../client-sdk/src/serdes.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";
import { simulatedRandom } from "../../support/simulated-random.ts";
import { FakeBroker } from "./fake-broker.ts";

export interface Line {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: object;
  readonly message: string;
}

export class Bench {
  readonly clock = new SimulatedClock();
  readonly broker = new FakeBroker(this.clock);
  readonly lines: Line[] = [];

  consumer(config: Partial<ConsumerConfig<string, string>> = {}): Consumer<string, string> {
    return this.alone({ "group.id": "g", ...config });
  }

  /** Without a group. */
  alone(config: Partial<ConsumerConfig<string, string>> = {}): Consumer<string, string> {
    const log = (level: Line["level"]) => (fields: object, message: string) =>
      void this.lines.push({ level, fields, message });
    return new Consumer<string, string>(
      {
        "bootstrap.servers": "localhost:1",
        "auto.offset.reset": "earliest",
        "key.deserializer": string,
        "value.deserializer": string,
        ...config,
      },
      {
        logger: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") },
        world: { clock: this.clock, random: simulatedRandom(1), brokerClient: this.broker },
      },
    );
  }

  /** The promise's value, moving time as far as it needs. Rejections come through. */
  async run<T>(promise: Promise<T>, maxMs = 600_000): Promise<T> {
    let settled = false;
    promise.then(
      () => {
        settled = true;
      },
      () => {
        settled = true;
      },
    );
    await this.clock.runUntil(() => settled, maxMs, "the promise settled");
    return await promise;
  }

  /** Polls until at least `count` records came. */
  async take(consumer: Consumer<string, string>, count: number): Promise<ConsumerRecord<string, string>[]> {
    const records: ConsumerRecord<string, string>[] = [];
    for (let rounds = 0; records.length < count; rounds++) {
      if (rounds > 1000) throw new Error(`only ${records.length} of ${count} records came`);
      records.push(...(await this.run(consumer.poll(1000))));
    }
    return records;
  }
}

export const offsetsOf = (records: readonly { offset: number }[]) => records.map(({ offset }) => offset);
export const valuesOf = (records: readonly { value: string | null }[]) => records.map(({ value }) => value);

/** The error of a promise that must reject, moving time as far as it needs. */
export async function errorOf(bench: Bench, promise: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  const outcome = await bench.run(
    promise.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
  if (outcome === undefined) throw new Error("it did not reject");
  return outcome as Error & Record<string, unknown>;
}
