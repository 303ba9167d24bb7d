import Type from "typebox";
import { api } from "./api.ts";
import { described, ItemError, Offset, Partition, Topic, TopicId } from "./fields.ts";

export const metadata = api({
  name: "metadata",
  text: "Topics and their partitions (Kafka API 3). Without `topics`: all; internal ones included.",
  request: Type.Object({
    topics: described("Absent: all.", Type.Optional(Type.Array(Topic, { maxItems: 10_000 }))),
    allowAutoCreate: described(
      "Create what is missing, if the broker's auto.create.topics.enable allows it. Default false.",
      Type.Optional(Type.Boolean()),
    ),
  }),
  response: Type.Object({
    clusterId: described("Made when the log began; another id is another log.", Type.String()),
    topics: described(
      "The named topics in their order, or all.",
      Type.Array(
        Type.Object({
          topic: Topic,
          topicId: described("Empty when there is an error.", TopicId),
          internal: described("Written by the broker only.", Type.Optional(Type.Boolean())),
          error: Type.Optional(ItemError),
          partitions: described(
            "By number.",
            Type.Array(
              Type.Object({
                partition: Partition,
                logStartOffset: Offset,
                highWatermark: Offset,
                sizeBytes: described("Its batches as they are stored.", Type.Optional(Type.Integer({ minimum: 0 }))),
              }),
            ),
          ),
        }),
      ),
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
