import Type from "typebox";
import { api } from "./api.ts";
import { described, ItemError, Offset, Partition, Topic, TopicId } from "./fields.ts";

export const metadata = api({
  name: "metadata",
  text: "Topics and their partitions (Kafka API 3). Without `topics`: all; internal ones included.",
  request: Type.Object({
    topics: Type.Optional(Type.Array(Topic, { maxItems: 10_000 })),
    allowAutoCreate: described(
      "Create what is missing, if the broker's auto.create.topics.enable allows it. Default false.",
      Type.Optional(Type.Boolean()),
    ),
  }),
  response: Type.Object({
    clusterId: Type.String(),
    topics: Type.Array(
      Type.Object({
        topic: Topic,
        topicId: described("Empty when there is an error.", TopicId),
        internal: Type.Optional(Type.Boolean()),
        error: Type.Optional(ItemError),
        partitions: Type.Array(Type.Object({ partition: Partition, logStartOffset: Offset, highWatermark: Offset })),
      }),
    ),
  }),
  errors: [
    "UNKNOWN_TOPIC_OR_PARTITION",
    "INVALID_TOPIC_EXCEPTION",
    "POLICY_VIOLATION",
    "STORAGE_FULL",
    "KAFKA_STORAGE_ERROR",
  ],
});
