import Type from "typebox";
import { api } from "./api.ts";
import { described, ItemError, Topic } from "./fields.ts";

export const createPartitions = api({
  name: "createPartitions",
  text: "Gives topics more partitions (Kafka API 37); there is no way to fewer. `partitions` is the new total.",
  request: Type.Object({
    topics: described(
      "Each is changed by itself.",
      Type.Array(Type.Object({ topic: Topic, partitions: described("The new total.", Type.Integer()) }), {
        maxItems: 10_000,
      }),
    ),
    validateOnly: described("Checks only. Default false.", Type.Optional(Type.Boolean())),
  }),
  response: Type.Object({ results: Type.Array(Type.Object({ topic: Topic, error: Type.Optional(ItemError) })) }),
  errors: [
    "UNKNOWN_TOPIC_OR_PARTITION",
    "INVALID_TOPIC_EXCEPTION",
    "INVALID_PARTITIONS",
    "POLICY_VIOLATION",
    "STORAGE_FULL",
    "KAFKA_STORAGE_ERROR",
  ],
});
