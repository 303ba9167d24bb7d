import Type from "typebox";
import { api } from "./api.ts";
import { AnyInteger, described, ItemError, Offset, Partition, Topic, TopicPartition } from "./fields.ts";

export const deleteRecords = api({
  name: "deleteRecords",
  text: "Deletes the records before an offset (Kafka API 21): the log start moves there. -1: everything that is visible.",
  request: Type.Object({
    partitions: described(
      "Each by itself.",
      Type.Array(Type.Object({ ...TopicPartition, offset: AnyInteger }), { maxItems: 10_000 }),
    ),
  }),
  response: Type.Object({
    results: Type.Array(
      Type.Object({
        topic: Topic,
        partition: Partition,
        logStartOffset: described("Durable when it is said; -1 with an error.", Offset),
        error: Type.Optional(ItemError),
      }),
    ),
  }),
  errors: [
    "UNKNOWN_TOPIC_OR_PARTITION",
    "UNKNOWN_TOPIC_ID",
    "OFFSET_OUT_OF_RANGE",
    "INVALID_TOPIC_EXCEPTION",
    "POLICY_VIOLATION",
    "STORAGE_FULL",
    "KAFKA_STORAGE_ERROR",
  ],
});
