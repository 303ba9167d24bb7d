// Fields that several APIs share. Names and ids are checked by their handlers, which answer with Kafka's code;
// the schemas say only what shape a header has.

import Type, { type TSchema } from "typebox";

/** The schema with its meaning in words, for the reference page and /openapi.json; nothing is checked by it. */
export function described<const Schema extends TSchema>(description: string, schema: Schema): Schema {
  // typebox keeps what it knows of a schema in properties that a spread would lose.
  return Object.defineProperties({} as Schema, {
    ...Object.getOwnPropertyDescriptors(schema),
    description: { value: description, enumerable: true },
  });
}

const MAX_SAFE = Number.MAX_SAFE_INTEGER;
const MAX_INT32 = 2_147_483_647;

export const Topic = Type.String({ description: 'The topic\'s name: 1 to 249 of letters, digits, ".", "_" and "-".' });
export const TopicId = Type.String({
  maxLength: 64,
  description: "A UUID in Kafka's text form: 22 characters of base64url. A topic created again has another.",
});
export const Partition = Type.Integer({
  minimum: -MAX_INT32,
  maximum: MAX_INT32,
  description: "The partition's number, from 0.",
});
export const Offset = Type.Integer({ minimum: -1, maximum: MAX_SAFE, description: "An offset; -1: none." });
/** A position to read from or to commit may be nonsense; the handler says so in Kafka's words. */
export const AnyInteger = Type.Integer({ minimum: -MAX_SAFE, maximum: MAX_SAFE, description: "An offset or time." });
export const LeaderEpoch = Type.Integer({
  minimum: -1,
  maximum: MAX_INT32,
  description: "The broker's boot epoch when the record was written; -1: unknown.",
});
export const Timestamp = Type.Integer({
  minimum: -1,
  maximum: MAX_SAFE,
  description: "Milliseconds since 1970, as the record bears it; -1: none.",
});
export const WallMs = Type.Integer({ minimum: 0, maximum: MAX_SAFE, description: "Milliseconds since 1970." });
export const DurationMs = Type.Integer({ minimum: 0, maximum: MAX_SAFE, description: "Milliseconds." });
export const ByteCount = Type.Integer({ minimum: 0, maximum: MAX_SAFE, description: "Bytes." });
export const GroupId = Type.String({ description: "The consumer group: `group.id`." });
export const MemberId = Type.String({
  maxLength: 256,
  description: "Made by the client and kept for its life (KIP-1082).",
});
export const MemberEpoch = Type.Integer({
  minimum: -2,
  maximum: MAX_INT32,
  description: "The epoch the member has reached; 0 joins, -1 leaves, -2 leaves as a static member.",
});
export const Seq = Type.Integer({
  minimum: 0,
  maximum: MAX_SAFE,
  description:
    "The member's own rising number, one sequence for heartbeats and one for commits; an old one is refused.",
});
export const Isolation = Type.Union([Type.Literal("read_uncommitted"), Type.Literal("read_committed")], {
  description: "Whose records are seen: all durable ones, or only those of no open or aborted transaction.",
});

export const ItemError = Type.Object(
  {
    code: Type.String(),
    message: Type.String(),
    retriable: Type.Boolean(),
    definite: Type.Boolean(),
    hint: Type.Optional(Type.String()),
    context: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
  { description: "Why this item was refused; absent where it was not." },
);

export const InstanceId = Type.String({
  maxLength: 256,
  description: '`group.instance.id` of a static member; letters, digits, ".", "_" and "-" (KIP-345).',
});

export const TopicPartition = { topic: Topic, topicId: Type.Optional(TopicId), partition: Partition };
export const OwnedPartition = Type.Object({ topic: Topic, topicId: TopicId, partition: Partition });
