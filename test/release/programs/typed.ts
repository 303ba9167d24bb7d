// A stranger's program in TypeScript: run as it is, and checked against the packed types. The broker is in the environment.

import { Consumer, type ConsumerRecord, json, Producer, string } from "@brooklet/client";
import { crc32c } from "@brooklet/protocol";
import type { ApiRequest } from "@brooklet/protocol/apis";
import { type Broker, startBroker } from "@brooklet/server";

interface Order {
  readonly total: number;
}
const servers = { "bootstrap.servers": process.env.BROOKLET_BOOTSTRAP_SERVERS ?? "" };
const producer = new Producer({ ...servers, "key.serializer": string, "value.serializer": json<Order>() });
// @ts-expect-error: total is a number
const wrong = () => producer.send({ topic: "typed", key: "7", value: { total: "30" } });
await producer.send({ topic: "typed", key: "7", value: { total: 30 } });
await producer.close();
await using consumer = new Consumer({
  ...servers,
  "auto.offset.reset": "earliest",
  "key.deserializer": string,
  "value.deserializer": json<Order>(),
});
consumer.assign([{ topic: "typed", partition: 0 }]);
const records: ConsumerRecord<string, Order>[] = await consumer.poll(10_000);
const request: ApiRequest<"listGroups"> = {};
const broker: Broker = await startBroker();
await broker.close();
process.stdout.write(
  `${records[0]?.value?.total} ${crc32c(new Uint8Array([1]))} ${Object.keys(request).length} ${typeof wrong}\n`,
);
