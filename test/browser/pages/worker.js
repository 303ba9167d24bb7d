// A consumer in a worker of a page, whose timers go on while the page is hidden. It reads one record and says its value.

import { Consumer, string } from "/client.js";

addEventListener("message", async ({ data: { server, topic } }) => {
  const consumer = new Consumer({
    "bootstrap.servers": server,
    "group.id": "worker",
    "auto.offset.reset": "earliest",
    "value.deserializer": string,
  });
  consumer.subscribe([topic]);
  for await (const { value } of consumer) {
    postMessage(value);
    break;
  }
  await consumer.close();
});
