import Type from "typebox";
import { api } from "./api.ts";
import { ByteCount, described, ItemError, Offset, Partition, Topic, TopicPartition, WallMs } from "./fields.ts";

export const produce = api({
  name: "produce",
  text: "Appends record batches (Kafka API 0). The payload holds the batches of each partition, `bytes` long, in order.",
  request: Type.Object({
    acks: described("0: not answered for durability; 1 and -1 (all): after the durable commit.", Type.Integer()),
    partitions: described(
      "Each with its batches in the payload.",
      Type.Array(Type.Object({ ...TopicPartition, bytes: ByteCount }), { maxItems: 10_000 }),
    ),
  }),
  requestPayload: "partitions",
  response: Type.Object({
    results: Type.Array(
      Type.Object({
        topic: Topic,
        partition: Partition,
        baseOffset: described("The offset of the first record; -1 with acks 0 or an error.", Offset),
        logAppendTimeMs: described("Only where the topic stamps append times.", Type.Optional(WallMs)),
        error: Type.Optional(ItemError),
      }),
    ),
  }),
  errors: [
    "INVALID_REQUIRED_ACKS",
    "UNKNOWN_TOPIC_OR_PARTITION",
    "UNKNOWN_TOPIC_ID",
    "INVALID_TOPIC_EXCEPTION",
    "CORRUPT_MESSAGE",
    "UNSUPPORTED_FOR_MESSAGE_FORMAT",
    "UNSUPPORTED_COMPRESSION_TYPE",
    "MESSAGE_TOO_LARGE",
    "RECORD_LIST_TOO_LARGE",
    "INVALID_RECORD",
    "INVALID_TIMESTAMP",
    "OUT_OF_ORDER_SEQUENCE_NUMBER",
    "INVALID_PRODUCER_EPOCH",
    "POLICY_VIOLATION",
    "THROTTLING_QUOTA_EXCEEDED",
    "STORAGE_FULL",
    "KAFKA_STORAGE_ERROR",
  ],
});
