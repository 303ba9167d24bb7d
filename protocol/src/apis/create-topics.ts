import Type from "typebox";
import { api } from "./api.ts";
import { described, ItemError, Topic, TopicId } from "./fields.ts";

export const createTopics = api({
  name: "createTopics",
  text: "Creates topics (Kafka API 19), each by itself: one may fail while another is created.",
  request: Type.Object({
    topics: described(
      "Each is created by itself.",
      Type.Array(
        Type.Object({
          topic: Topic,
          partitions: described("Default, and for -1: the broker's num.partitions.", Type.Optional(Type.Integer())),
          configs: described(
            "Topic configurations by Kafka's names.",
            Type.Optional(Type.Record(Type.String(), Type.String())),
          ),
        }),
        { maxItems: 10_000 },
      ),
    ),
    validateOnly: described("Checks only. Default false.", Type.Optional(Type.Boolean())),
  }),
  response: Type.Object({
    results: Type.Array(
      described(
        "`topicId` is empty when there is an error or nothing was created.",
        Type.Object({ topic: Topic, topicId: TopicId, error: Type.Optional(ItemError) }),
      ),
    ),
  }),
  errors: [
    "TOPIC_ALREADY_EXISTS",
    "INVALID_TOPIC_EXCEPTION",
    "INVALID_PARTITIONS",
    "INVALID_CONFIG",
    "POLICY_VIOLATION",
    "STORAGE_FULL",
    "KAFKA_STORAGE_ERROR",
  ],
});
