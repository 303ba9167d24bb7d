// A broker in this process, records in it, and a look at its groups over HTTP: what the consumer's integration tests share.

import type { ApiResponse } from "@brooklet/protocol";
import { decodeFrame, MAX_HEADER_BYTES } from "@brooklet/protocol";
import { sleep, systemClock, type Transport } from "@brooklet/protocol/world";
import type { ConsumerConfig } from "../../../client-sdk/src/config/consumer.ts";
import type { ConsumerRecord } from "../../../client-sdk/src/consumed.ts";
import { Consumer } from "../../../client-sdk/src/consumer/consumer.ts";
import { webSocketTransport } from "../../../client-sdk/src/network/websocket.node.ts";
import { string } from "../../../client-sdk/src/serdes.ts";
import type { ClientOptions } from "../../../client-sdk/src/world.ts";
import { startBroker } from "../../../server/src/index.ts";

type Broker = Awaited<ReturnType<typeof startBroker>>;
type Text = Consumer<string, string>;

export class World implements AsyncDisposable {
  readonly broker: Broker;
  readonly #consumers: Text[] = [];

  private constructor(broker: Broker) {
    this.broker = broker;
  }

  static async start(settings: Record<string, string | number | boolean> = {}): Promise<World> {
    return new World(await startBroker({ settings: { "group.min.session.timeout.ms": 100, ...settings } }));
  }

  get address(): string {
    return `127.0.0.1:${this.broker.port}`;
  }

  consumer(config: Partial<ConsumerConfig<string, string>> = {}, options: ClientOptions = {}): Text {
    const consumer = new Consumer<string, string>(
      {
        "bootstrap.servers": this.address,
        "group.id": "g",
        "auto.offset.reset": "earliest",
        "key.deserializer": string,
        "value.deserializer": string,
        ...config,
      },
      options,
    );
    this.#consumers.push(consumer);
    return consumer;
  }

  /** A JSON request of any API. */
  async ask(api: string, body: object): Promise<unknown> {
    const response = await fetch(`${this.broker.url}/v1/${api}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer: unknown = await response.json();
    if (!response.ok) throw new Error(`${api}: ${JSON.stringify(answer)}`);
    return answer;
  }

  async topic(topic: string, partitions = 1): Promise<void> {
    await this.ask("createTopics", { topics: [{ topic, partitions }] });
  }

  async produce(topic: string, values: readonly string[], partition = 0): Promise<void> {
    await this.ask(`topics/${topic}/records`, { records: values.map((valueText) => ({ partition, valueText })) });
  }

  async group(groupId = "g"): Promise<ApiResponse<"describeGroups">["groups"][number]> {
    const { groups } = (await this.ask("describeGroups", { groupIds: [groupId] })) as ApiResponse<"describeGroups">;
    const [group] = groups;
    if (group === undefined) throw new Error(`there is no group ${groupId}`);
    return group;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#consumers.map((consumer) => consumer.close({ timeoutMs: 2000 }).catch(() => {})));
    await this.broker.close();
  }
}

/** Polls until `count` records came. */
export async function take(consumer: Text, count: number): Promise<ConsumerRecord<string, string>[]> {
  const records: ConsumerRecord<string, string>[] = [];
  while (records.length < count) records.push(...(await consumer.poll(200)));
  return records;
}

/** Looks again and again until the condition holds; the test's own time limit ends it. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(systemClock, 10);
}

export const valuesOf = (records: readonly { value: string | null }[]) => records.map(({ value }) => value);

/** The network, with an ear on what this client sends: `drop` says which requests get lost. */
export function listening(onRequest: (api: string) => "drop" | undefined): { transport: Transport } {
  return {
    transport: {
      connect(address, handlers, limits) {
        const link = webSocketTransport.connect(address, handlers, limits);
        return {
          send: (message) => {
            const { api } = decodeFrame(message, { maxHeaderBytes: MAX_HEADER_BYTES }).header as { api?: string };
            if (api === undefined || onRequest(api) !== "drop") link.send(message);
          },
          close: (code, reason) => link.close(code, reason),
          terminate: () => link.terminate(),
          pause: () => link.pause(),
          resume: () => link.resume(),
          get bufferedBytes() {
            return link.bufferedBytes;
          },
        };
      },
    },
  };
}
