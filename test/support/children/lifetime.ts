// Programs that open clients and brokers, use them, close them, and then have nothing more to do: each must end by itself.
// None calls process.exit. What Node warns of, an unhandled rejection included, is a failure.
// Usage: node lifetime.ts STORY SERVER FOLDER

import { createServer } from "node:net";
import { Admin, ClosedError, Consumer, Producer, string } from "@brooklet/client";
import { startBroker } from "@brooklet/server";

const [, , story = "", server = "", folder = ""] = process.argv;
const topic = "orders";

process.on("warning", (warning) => {
  process.exitCode = 1;
  process.stderr.write(`${warning.stack}\n`);
});

function newProducer(servers = server): Producer<string, string> {
  return new Producer<string, string>({
    "bootstrap.servers": servers,
    "key.serializer": string,
    "value.serializer": string,
  });
}

function newConsumer(servers = server): Consumer<string, string> {
  return new Consumer<string, string>({
    "bootstrap.servers": servers,
    "key.deserializer": string,
    "value.deserializer": string,
    "group.id": `readers of ${story}`,
    "auto.offset.reset": "earliest",
  });
}

/** Sends some records and reads them all. */
async function use(producer: Producer<string, string>, consumer: Consumer<string, string>): Promise<void> {
  const COUNT = 100;
  await Promise.all(Array.from({ length: COUNT }, (_, at) => producer.send({ topic, key: `${at}`, value: `${at}` })));
  consumer.subscribe([topic]);
  for (let read = 0; read < COUNT; ) read += (await consumer.poll(1_000)).length;
}

/** What a call that is closed under its caller must end with. */
async function closedUnder(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!ClosedError.is(error)) throw error;
  }
}

async function unusedPort(): Promise<number> {
  const listener = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => listener.once("listening", resolve));
  const { port } = listener.address() as { port: number };
  await new Promise((resolve) => listener.close(resolve));
  return port;
}

const stories: Record<string, () => Promise<void>> = {
  "clients, closed after use": async () => {
    const admin = new Admin({ "bootstrap.servers": server });
    const producer = newProducer();
    const consumer = newConsumer();
    await use(producer, consumer);
    await admin.describeGroups([consumer.groupMetadata().groupId]);
    await consumer.close();
    await producer.close();
    await admin.close();
  },
  "clients, closed in the middle of calls": async () => {
    const admin = new Admin({ "bootstrap.servers": server });
    const producer = newProducer();
    const consumer = newConsumer();
    const iterating = newConsumer();
    await use(producer, consumer);
    iterating.subscribe([topic]);
    const calls = [
      consumer.poll(60_000),
      (async () => {
        for await (const record of iterating) if (record.offset < 0) break;
      })(),
      admin.listTopics(),
      ...Array.from({ length: 100 }, (_, at) => producer.send({ topic, value: `${at}` })),
    ].map(closedUnder);
    await Promise.all([consumer.close(), iterating.close(), producer.close({ timeoutMs: 0 }), admin.close()]);
    await Promise.all(calls);
  },
  "clients, closed unused and before they ever connected": async () => {
    await newProducer().close();
    await newConsumer().close();
    await new Admin({ "bootstrap.servers": server }).close();
    const nowhere = `127.0.0.1:${await unusedPort()}`;
    const producer = newProducer(nowhere);
    const consumer = newConsumer(nowhere);
    const admin = new Admin({ "bootstrap.servers": nowhere });
    consumer.subscribe([topic]);
    const calls = [producer.send({ topic, value: "" }), consumer.poll(60_000), admin.listTopics()].map(closedUnder);
    await Promise.all([consumer.close({ timeoutMs: 200 }), producer.close({ timeoutMs: 200 }), admin.close()]);
    await Promise.all(calls);
  },
  "a broker on a folder and its clients, by await using": async () => {
    await using broker = await startBroker({ data: folder });
    const servers = `127.0.0.1:${broker.port}`;
    await using producer = newProducer(servers);
    await using consumer = newConsumer(servers);
    await use(producer, consumer);
  },
  "a broker that is closed before its clients": async () => {
    const broker = await startBroker();
    const servers = `127.0.0.1:${broker.port}`;
    const producer = newProducer(servers);
    const consumer = newConsumer(servers);
    const admin = new Admin({ "bootstrap.servers": servers });
    await use(producer, consumer);
    await admin.listTopics();
    await broker.close();
    const calls = [producer.send({ topic, value: "" }), consumer.poll(60_000), admin.listTopics()].map(closedUnder);
    await Promise.all([consumer.close({ timeoutMs: 200 }), producer.close({ timeoutMs: 200 }), admin.close()]);
    await Promise.all(calls);
  },
  "brokers that could not start": async () => {
    await using holder = await startBroker({ data: folder });
    for (const options of [{ data: folder }, { port: holder.port }, { port: -1 }]) {
      const refused = await startBroker(options).then(
        () => false,
        () => true,
      );
      if (!refused) throw new Error(`${JSON.stringify(options)} was not refused`);
    }
  },
};

const tell = stories[story];
if (tell === undefined) throw new Error(`there is no story "${story}"`);
await tell();
process.stdout.write("closed\n");
// For whoever has to find out why a process does not end.
process.stdout.write(`${process.getActiveResourcesInfo().join(" ")}\n`);
