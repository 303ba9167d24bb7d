// What the tests of rebalances and of memberships share: a member of two partitions, and what its listener was told.

import type { ConsumerConfig } from "../../../client-sdk/src/config/consumer.ts";
import type { Consumer } from "../../../client-sdk/src/consumer/consumer.ts";
import type { RebalanceListener } from "../../../client-sdk/src/consumer/types.ts";
import type { Bench } from "./setup.ts";

export type Told = [what: string, partitions: number[]];

export function recording(told: Told[]): Required<RebalanceListener> {
  const tell = (what: string) => (partitions: { partition: number }[]) =>
    void told.push([what, partitions.map(({ partition }) => partition)]);
  return {
    onPartitionsAssigned: tell("assigned"),
    onPartitionsRevoked: tell("revoked"),
    onPartitionsLost: tell("lost"),
  };
}

export async function member(
  bench: Bench,
  listener: RebalanceListener,
  config: Partial<ConsumerConfig<string, string>> = {},
): Promise<Consumer<string, string>> {
  bench.broker.topic("orders", 2).assign(["orders", 0], ["orders", 1]);
  const consumer = bench.consumer({ "enable.auto.commit": false, ...config });
  consumer.subscribe(["orders"], listener);
  await bench.run(consumer.ready());
  return consumer;
}

export function reassign(bench: Bench, ...partitions: number[]): void {
  bench.broker.assign(...partitions.map((partition): [string, number] => ["orders", partition]));
  bench.broker.hint();
}
