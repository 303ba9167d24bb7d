import Type from "typebox";
import { api } from "./api.ts";
import { ItemError, Topic } from "./fields.ts";

/** Gives topics more partitions (Kafka API 37); there is no way to fewer. `partitions` is the new total. */
export const createPartitions = api({
  name: "createPartitions",
  request: Type.Object({
    topics: Type.Array(Type.Object({ topic: Topic, partitions: Type.Integer() }), { maxItems: 10_000 }),
    /** Checks only. Default false. */
    validateOnly: Type.Optional(Type.Boolean()),
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
