// Every error that can cross the protocol: one row each, with Kafka's name and number.
// The SDK decides by these columns, never by matching texts; the reference page is rendered from them.

/** What the SDK does about an error, unless the call that met it knows better. */
export type Recovery =
  /** Send the same again after `retry.backoff.ms`. */
  | "retry"
  /** Ask for metadata again, then retry. */
  | "refreshMetadata"
  /** The membership is gone: partitions are lost, join again with epoch 0. */
  | "rejoin"
  /** Apply `auto.offset.reset`. */
  | "resetOffset"
  /** Take a new producer id or epoch, renumber, then retry. */
  | "bumpEpoch"
  /** Tell the caller. */
  | "raise";

export interface ErrorRow {
  /** Kafka's number; brooklet's own errors count from 1001. */
  readonly code: number;
  /** The same request may succeed later. */
  readonly retriable: boolean;
  readonly recovery: Recovery;
  /** It certainly did not happen, so repeating it cannot duplicate anything. In doubt: false. */
  readonly definite: boolean;
  /** The client object that met it cannot go on. */
  readonly fatal: boolean;
  /** The HTTP status that carries it when it is the answer as a whole. */
  readonly httpStatus: number;
  readonly text: string;
  /** What to do about it, unless whoever refuses knows better. Every error has a cure to try. */
  readonly hint: string;
}

const refusal = { retriable: false, recovery: "raise", definite: true, fatal: false } as const;
const fatal = { retriable: false, recovery: "raise", definite: true, fatal: true } as const;
const retry = { retriable: true, recovery: "retry", definite: true, fatal: false } as const;
const indefinite = { retriable: true, recovery: "retry", definite: false, fatal: false } as const;
const stale = { retriable: true, recovery: "refreshMetadata", definite: true, fatal: false } as const;
const rejoin = { retriable: false, recovery: "rejoin", definite: true, fatal: false } as const;

/** Kafka's error names (org.apache.kafka.common.protocol.Errors) and brooklet's few own ones. */
export const errorTable = {
  UNKNOWN_SERVER_ERROR: {
    ...indefinite,
    code: -1,
    retriable: false,
    recovery: "raise",
    httpStatus: 500,
    text: "The broker failed unexpectedly while handling the request; it may or may not have happened.",
    hint: "It is a bug in brooklet: the broker's log has the stack; please report it.",
  },
  OFFSET_OUT_OF_RANGE: {
    ...refusal,
    code: 1,
    recovery: "resetOffset",
    httpStatus: 416,
    text: "The offset is below the log start or above the log end.",
    hint: "Seek to an offset between the log start and the high watermark, or set auto.offset.reset.",
  },
  CORRUPT_MESSAGE: {
    ...refusal,
    code: 2,
    httpStatus: 400,
    text: "A record batch is damaged: its checksum, counts or lengths do not fit its bytes.",
    hint: "The bytes were changed on their way or built wrongly: check the producer, and the disk if a fetch says it.",
  },
  UNKNOWN_TOPIC_OR_PARTITION: {
    ...stale,
    code: 3,
    httpStatus: 404,
    text: "The topic or the partition does not exist.",
    hint: "Create the topic, or let it be created: auto.create.topics.enable at the broker, and allow.auto.create.topics in a consumer.",
  },
  REQUEST_TIMED_OUT: {
    ...indefinite,
    code: 7,
    httpStatus: 504,
    text: "The request did not finish in time; it may or may not have happened.",
    hint: "Raise request.timeout.ms, or look at why the broker is slow: its log and brooklet_request_duration_seconds.",
  },
  BROKER_NOT_AVAILABLE: {
    ...retry,
    code: 8,
    httpStatus: 503,
    text: "The broker is starting or stopping.",
    hint: "Wait until the broker has started; clients do so by themselves.",
  },
  MESSAGE_TOO_LARGE: {
    ...refusal,
    code: 10,
    httpStatus: 413,
    text: "A record batch is larger than the broker's message.max.bytes or the topic's max.message.bytes.",
    hint: "Send smaller records or raise max.message.bytes of the topic, message.max.bytes of the broker.",
  },
  OFFSET_METADATA_TOO_LARGE: {
    ...refusal,
    code: 12,
    httpStatus: 413,
    text: "The metadata of a committed offset is longer than offset.metadata.max.bytes.",
    hint: "Commit less metadata, or raise offset.metadata.max.bytes.",
  },
  NETWORK_EXCEPTION: {
    ...indefinite,
    code: 13,
    httpStatus: 502,
    text: "The connection ended before the answer came; the request may or may not have happened.",
    hint: "An idempotent producer repeats without duplicates; for anything else look whether it happened before repeating.",
  },
  COORDINATOR_NOT_AVAILABLE: {
    ...retry,
    code: 15,
    httpStatus: 503,
    text: "The group coordinator cannot take the request now.",
    hint: "Try again; if it says max.groups, raise that or delete groups.",
  },
  INVALID_TOPIC_EXCEPTION: {
    ...refusal,
    code: 17,
    httpStatus: 400,
    text: "The topic name is not legal, or the topic may not be used this way.",
    hint: 'Choose another name: 1 to 249 of a-z, A-Z, 0-9, ".", "_" and "-".',
  },
  RECORD_LIST_TOO_LARGE: {
    ...refusal,
    code: 18,
    httpStatus: 413,
    text: "The request carries more record bytes than socket.request.max.bytes.",
    hint: "Send less in one request, or raise socket.request.max.bytes.",
  },
  INVALID_REQUIRED_ACKS: {
    ...refusal,
    code: 21,
    httpStatus: 400,
    text: "acks must be 0, 1 or -1 (all).",
    hint: "Use acks 0, 1 or all.",
  },
  INVALID_GROUP_ID: {
    ...fatal,
    code: 24,
    httpStatus: 400,
    text: "The group id is not legal.",
    hint: "Use 1 to 256 characters without control characters.",
  },
  UNKNOWN_MEMBER_ID: {
    ...rejoin,
    code: 25,
    httpStatus: 404,
    text: "The group has no member of this id.",
    hint: "Join again with epoch 0; the consumer does so by itself. The message says why the member was removed.",
  },
  INVALID_SESSION_TIMEOUT: {
    ...fatal,
    code: 26,
    httpStatus: 400,
    text: "The session timeout is outside group.min.session.timeout.ms and group.max.session.timeout.ms.",
    hint: "Choose session.timeout.ms within the broker's group.min.session.timeout.ms and group.max.session.timeout.ms.",
  },
  INVALID_COMMIT_OFFSET_SIZE: {
    ...refusal,
    code: 28,
    httpStatus: 413,
    text: "The commit is too large to store.",
    hint: "Commit fewer partitions or less metadata at once.",
  },
  TOPIC_AUTHORIZATION_FAILED: {
    ...refusal,
    code: 29,
    httpStatus: 403,
    text: "The client may not use this topic.",
    hint: "Internal topics are written by the broker only; use another topic.",
  },
  GROUP_AUTHORIZATION_FAILED: {
    ...fatal,
    code: 30,
    httpStatus: 403,
    text: "The client may not use this group.",
    hint: "Use another group, or ask who runs the broker.",
  },
  CLUSTER_AUTHORIZATION_FAILED: {
    ...fatal,
    code: 31,
    httpStatus: 403,
    text: "The client may not use this broker, or its request came from an origin or host that is not allowed.",
    hint: "Address the broker by a loopback name, or list the host or origin in allowed-hosts or allowed-origins.",
  },
  INVALID_TIMESTAMP: {
    ...refusal,
    code: 32,
    httpStatus: 400,
    text: "A record's timestamp is outside the range that the topic accepts.",
    hint: "Correct the producer's clock, or change message.timestamp.before.max.ms and message.timestamp.after.max.ms.",
  },
  UNSUPPORTED_VERSION: {
    ...fatal,
    code: 35,
    httpStatus: 400,
    text: "The two sides share no version of the protocol, or the API does not exist in it.",
    hint: "Use packages of the same version on both sides; the message names what there is.",
  },
  TOPIC_ALREADY_EXISTS: {
    ...refusal,
    code: 36,
    httpStatus: 409,
    text: "A topic of this name exists.",
    hint: "Use it, choose another name, or delete it first.",
  },
  INVALID_PARTITIONS: {
    ...refusal,
    code: 37,
    httpStatus: 400,
    text: "The number of partitions is not legal.",
    hint: "Ask for 1 to 10,000 partitions; a topic never gets fewer than it has.",
  },
  INVALID_CONFIG: {
    ...refusal,
    code: 40,
    httpStatus: 400,
    text: "A configuration is unknown or its value is not legal.",
    hint: "Correct what the message names; docs/reference/configuration.md has every name and range.",
  },
  INVALID_REQUEST: {
    ...refusal,
    code: 42,
    httpStatus: 400,
    text: "The request does not fit its schema.",
    hint: "Correct what the message names; docs/reference/protocol.md and /openapi.json have every field.",
  },
  UNSUPPORTED_FOR_MESSAGE_FORMAT: {
    ...refusal,
    code: 43,
    httpStatus: 400,
    text: "The record batch is not of format v2 (magic 2).",
    hint: "Use a client that writes record batches of format v2 (Kafka 0.11 or newer).",
  },
  POLICY_VIOLATION: {
    ...refusal,
    code: 44,
    httpStatus: 422,
    text: "A limit of the broker, or the topic's configuration, forbids it.",
    hint: "The message names it, and its setting.",
  },
  OUT_OF_ORDER_SEQUENCE_NUMBER: {
    ...refusal,
    code: 45,
    recovery: "bumpEpoch",
    httpStatus: 409,
    text: "The batch does not follow the producer's last one in this partition.",
    hint: "The producer takes a new epoch by itself; by hand: begin with sequence 0 and a fresh producer id.",
  },
  DUPLICATE_SEQUENCE_NUMBER: {
    ...refusal,
    code: 46,
    httpStatus: 409,
    text: "The batch repeats one that is older than the five the broker remembers.",
    hint: "The batch is stored already: do not send it again.",
  },
  INVALID_PRODUCER_EPOCH: {
    ...refusal,
    code: 47,
    recovery: "bumpEpoch",
    httpStatus: 409,
    text: "A newer epoch of this producer has written already.",
    hint: "The producer takes a new epoch by itself; by hand: use the newest epoch.",
  },
  SASL_AUTHENTICATION_FAILED: {
    ...fatal,
    code: 58,
    httpStatus: 401,
    text: "The token is missing or wrong.",
    hint: "Give the token: `token` in the client's configuration, `Authorization: Bearer` over HTTP, --token-file for the command.",
  },
  KAFKA_STORAGE_ERROR: {
    ...indefinite,
    code: 56,
    httpStatus: 500,
    text: "The broker could not finish the write; it may or may not be stored.",
    hint: "Look at the broker's log and its disk; an idempotent producer finds out by repeating.",
  },
  UNKNOWN_PRODUCER_ID: {
    ...refusal,
    code: 59,
    recovery: "bumpEpoch",
    httpStatus: 409,
    text: "The broker knows nothing of this producer in this partition.",
    hint: "The producer takes a new id by itself.",
  },
  NON_EMPTY_GROUP: {
    ...refusal,
    code: 68,
    httpStatus: 409,
    text: "The group has members.",
    hint: "Stop the group's consumers first, or remove its members.",
  },
  GROUP_ID_NOT_FOUND: {
    ...refusal,
    code: 69,
    recovery: "rejoin",
    httpStatus: 404,
    text: "The group does not exist.",
    hint: "Check the name; a group exists once it has members or committed offsets.",
  },
  FENCED_LEADER_EPOCH: {
    ...stale,
    code: 74,
    httpStatus: 409,
    text: "The log has other records at this position than those of the named leader epoch: it was truncated.",
    hint: "Go on at context.endOffset of epoch context.leaderEpoch, knowing that what was read beyond is not in the log any more.",
  },
  UNKNOWN_LEADER_EPOCH: {
    ...refusal,
    code: 75,
    httpStatus: 409,
    text: "The leader epoch is newer than the broker's.",
    hint: "The position comes from another log, or the broker was restored from an older copy: seek.",
  },
  UNSUPPORTED_COMPRESSION_TYPE: {
    ...refusal,
    code: 76,
    httpStatus: 415,
    text: "The batch's compression type is not supported.",
    hint: "Choose a compression.type that the message names, or install the named package.",
  },
  GROUP_MAX_SIZE_REACHED: {
    ...fatal,
    code: 81,
    httpStatus: 409,
    text: "The group has group.max.size members.",
    hint: "Run fewer consumers in the group, or raise group.max.size.",
  },
  FENCED_INSTANCE_ID: {
    ...fatal,
    code: 82,
    httpStatus: 409,
    text: "Another member took over this group.instance.id.",
    hint: "Give every running consumer a group.instance.id of its own.",
  },
  GROUP_SUBSCRIBED_TO_TOPIC: {
    ...refusal,
    code: 86,
    httpStatus: 409,
    text: "A member of the group subscribes to the topic.",
    hint: "Stop the group's consumers, or delete the offsets of topics that nobody in it reads.",
  },
  INVALID_RECORD: {
    ...refusal,
    code: 87,
    httpStatus: 400,
    text: "A record breaks a rule of its topic.",
    hint: "Correct what the message names in the record.",
  },
  UNSTABLE_OFFSET_COMMIT: {
    ...retry,
    code: 88,
    httpStatus: 503,
    text: "The partition has offsets of a transaction that is not finished.",
    hint: "Try again: the transaction commits, aborts or times out.",
  },
  THROTTLING_QUOTA_EXCEEDED: {
    ...retry,
    code: 89,
    httpStatus: 429,
    text: "The client has more unanswered request bytes, connections or waiting requests than it was granted.",
    hint: "Wait for answers before asking more, or raise the limit that the message names.",
  },
  PRODUCER_FENCED: {
    ...fatal,
    code: 90,
    httpStatus: 409,
    text: "A newer producer of the same transactional.id has started.",
    hint: "Close this producer: another with the same transactional.id has taken over.",
  },
  UNKNOWN_TOPIC_ID: {
    ...stale,
    code: 100,
    httpStatus: 404,
    text: "The topic was deleted; one of the same name is another topic.",
    hint: "Ask for metadata again and begin anew with the new topic.",
  },
  INCONSISTENT_CLUSTER_ID: {
    ...fatal,
    code: 104,
    httpStatus: 409,
    text: "The broker holds another log than the one this client has begun with.",
    hint: "Correct bootstrap.servers, or make a new consumer or producer for the other log.",
  },
  FENCED_MEMBER_EPOCH: {
    ...rejoin,
    code: 110,
    httpStatus: 409,
    text: "The member's epoch is not the one the group knows.",
    hint: "Join again with epoch 0; the consumer does so by itself.",
  },
  UNRELEASED_INSTANCE_ID: {
    ...retry,
    code: 111,
    httpStatus: 409,
    text: "A live member holds this group.instance.id.",
    hint: "Wait context.retryAfterMs, or give every running consumer a group.instance.id of its own.",
  },
  UNSUPPORTED_ASSIGNOR: {
    ...fatal,
    code: 112,
    httpStatus: 400,
    text: "The broker has no assignor of this name.",
    hint: "Choose one that group.consumer.assignors of the broker names.",
  },
  STALE_MEMBER_EPOCH: {
    ...refusal,
    code: 113,
    httpStatus: 409,
    text: "The member speaks for an epoch that has ended, or for a partition that is not its own.",
    hint: "Commit only what the consumer owns now: in onPartitionsRevoked, or before the work takes too long.",
  },
  INVALID_REGULAR_EXPRESSION: {
    ...fatal,
    code: 128,
    httpStatus: 400,
    text: "The subscription pattern is not a legal RE2 expression.",
    hint: "Write the pattern in RE2 syntax: no backreferences, no lookaround.",
  },
  STORAGE_FULL: {
    ...retry,
    code: 1001,
    httpStatus: 507,
    text: "The disk is full: nothing was stored.",
    hint: "Free space on the disk, delete topics or records, or lower their retention; writing resumes by itself.",
  },
  STALE_CONNECTION: {
    ...fatal,
    code: 1002,
    httpStatus: 409,
    text: "A newer connection of the same client has taken over.",
    hint: "Do not use one client instance in two places; make a client of its own for each.",
  },
} as const satisfies Record<string, ErrorRow>;
