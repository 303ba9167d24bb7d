// What an application in a page does with the SDK: the tests bundle this file with all that it imports, load it in Chromium
// and call its functions. Each returns what it saw, as something that can be cloned out of the page.

import {
  Admin,
  BrookletError,
  type CommittedOffset,
  Consumer,
  type ConsumerConfig,
  json,
  Producer,
  type ProducerConfig,
  string,
} from "@brooklet/client";

type Texts = (string | null)[];
type Compression = NonNullable<ProducerConfig<string, string>["compression.type"]>;

function producerOf(server: string, config: Partial<ProducerConfig<string, string>> = {}): Producer<string, string> {
  return new Producer({ "bootstrap.servers": server, "value.serializer": string, ...config });
}

function consumerOf(server: string, config: Partial<ConsumerConfig<string, string>> = {}): Consumer<string, string> {
  return new Consumer({
    "bootstrap.servers": server,
    "auto.offset.reset": "earliest",
    "value.deserializer": string,
    ...config,
  });
}

function told(error: unknown) {
  return error instanceof BrookletError
    ? { code: error.code, definite: error.definite, hint: error.hint }
    : { code: String(error) };
}

/** The whole of it: `count` records out and in again, by a group that commits. */
export async function produceAndConsume(
  server: string,
  count: number,
): Promise<{ ids: (number | undefined)[]; committed: CommittedOffset[] }> {
  await using producer = new Producer<string, { id: number }>({
    "bootstrap.servers": server,
    "key.serializer": string,
    "value.serializer": json(),
  });
  const ids = Array.from({ length: count }, (_, id) => id);
  await Promise.all(ids.map((id) => producer.send({ topic: "orders", key: `k${id}`, value: { id } })));

  const consumer = new Consumer<string, { id: number }>({
    "bootstrap.servers": server,
    "group.id": "billing",
    "auto.offset.reset": "earliest",
    "enable.auto.commit": false,
    "key.deserializer": string,
    "value.deserializer": json(),
  });
  consumer.subscribe(["orders"]);
  const read: (number | undefined)[] = [];
  while (read.length < count) for (const { value } of await consumer.poll(1_000)) read.push(value?.id);
  const committed = await consumer.commit();
  await consumer.close();
  return { ids: read, committed };
}

export async function readByLoop(server: string): Promise<Texts> {
  await using producer = producerOf(server);
  for (const value of ["a", "b", "c"]) await producer.send({ topic: "letters", value });
  await using consumer = consumerOf(server, { "group.id": "readers" });
  consumer.subscribe(["letters"]);
  const read: Texts = [];
  for await (const { value } of consumer) {
    read.push(value);
    if (value === "c") break;
  }
  return read;
}

export async function administer(server: string) {
  await using admin = new Admin({ "bootstrap.servers": server });
  const topic = "administered";
  await admin.createTopics([{ topic, partitions: 3, configs: { "retention.ms": "1000" } }]);
  const again = await admin.createTopics([{ topic }]).then(() => ({ code: "none" }), told);
  const [described] = await admin.describeTopics([topic]);
  const [{ configs } = { configs: [] }] = await admin.describeConfigs([topic]);
  const { durability } = await admin.status();
  await admin.deleteTopics([topic]);
  return {
    partitions: described?.partitions.length,
    retention: configs.find(({ name }) => name === "retention.ms")?.value,
    again: again.code,
    durability,
    isLeft: (await admin.listTopics()).includes(topic),
  };
}

export async function produceAll(
  server: string,
  topic: string,
  values: readonly string[],
  compression: Compression,
): Promise<void> {
  await using producer = producerOf(server, { "compression.type": compression });
  await Promise.all(values.map((value) => producer.send({ topic, value })));
}

export async function consumeAll(server: string, topic: string, count: number): Promise<Texts> {
  await using consumer = consumerOf(server);
  consumer.assign([{ topic, partition: 0 }]);
  const read: Texts = [];
  while (read.length < count) for (const { value } of await consumer.poll(1_000)) read.push(value);
  return read;
}

/** How the writer of a codec and the reader of `topic` are refused, and where the reader stands then. */
export async function useCodecs(server: string, codecs: readonly Compression[], topic: string) {
  const writing = [];
  for (const codec of codecs)
    writing.push(await produceAll(server, "unpacked", ["x".repeat(1_000)], codec).then(() => ({ code: "none" }), told));
  await using consumer = consumerOf(server);
  consumer.assign([{ topic, partition: 0 }]);
  const reading = await consumer.poll(5_000).then(() => ({ code: "none" }), told);
  return { writing, reading, position: await consumer.position({ topic, partition: 0 }) };
}

/** The offset of a record sent with each of the tokens, or the code of the refusal. */
export async function useTokens(server: string, tokens: readonly (string | null)[]): Promise<(string | number)[]> {
  const results = [];
  for (const token of tokens) {
    await using producer = producerOf(server, token === null ? {} : { token });
    const sent = producer.send({ topic: "t", value: "x" });
    results.push(
      await sent.then(
        ({ offset }) => offset,
        (error) => told(error).code,
      ),
    );
  }
  return results;
}

const seen: Texts = [];

/** Joins a group and reads until the page is gone; what it read is in `readSoFar`. */
export function keepReading(server: string, topic: string, config: Partial<ConsumerConfig<string, string>>): void {
  const consumer = consumerOf(server, config);
  consumer.subscribe([topic]);
  const read = async () => {
    for await (const { value } of consumer) seen.push(value);
  };
  read().catch((error: unknown) => seen.push(`failed: ${error}`));
}

export function readSoFar(): Texts {
  return seen;
}
