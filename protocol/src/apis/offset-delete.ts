import Type from "typebox";
import { api } from "./api.ts";
import { described, GroupId, ItemError, Partition, Topic } from "./fields.ts";

export const offsetDelete = api({
  name: "offsetDelete",
  text: "Deletes committed offsets of topics that nobody in the group subscribes to (Kafka API 47).",
  request: Type.Object({
    groupId: GroupId,
    partitions: described(
      "Each by itself.",
      Type.Array(Type.Object({ topic: Topic, partition: Partition }), { maxItems: 100_000 }),
    ),
  }),
  response: Type.Object({
    results: Type.Array(Type.Object({ topic: Topic, partition: Partition, error: Type.Optional(ItemError) })),
  }),
  errors: [
    "INVALID_GROUP_ID",
    "GROUP_ID_NOT_FOUND",
    "GROUP_SUBSCRIBED_TO_TOPIC",
    "UNKNOWN_TOPIC_OR_PARTITION",
    "STORAGE_FULL",
    "KAFKA_STORAGE_ERROR",
  ],
});
