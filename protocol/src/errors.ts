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
  /** What to do about it, unless whoever refuses knows better. */
  readonly hint?: string;
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
  },
  OFFSET_OUT_OF_RANGE: {
    ...refusal,
    code: 1,
    recovery: "resetOffset",
    httpStatus: 416,
    text: "The offset is below the log start or above the log end.",
  },
  CORRUPT_MESSAGE: {
    ...refusal,
    code: 2,
    httpStatus: 400,
    text: "A record batch is damaged: its checksum, counts or lengths do not fit its bytes.",
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
  },
  BROKER_NOT_AVAILABLE: { ...retry, code: 8, httpStatus: 503, text: "The broker is starting or stopping." },
  MESSAGE_TOO_LARGE: {
    ...refusal,
    code: 10,
    httpStatus: 413,
    text: "A record batch is larger than the broker's message.max.bytes or the topic's max.message.bytes.",
  },
  OFFSET_METADATA_TOO_LARGE: {
    ...refusal,
    code: 12,
    httpStatus: 413,
    text: "The metadata of a committed offset is longer than offset.metadata.max.bytes.",
  },
  NETWORK_EXCEPTION: {
    ...indefinite,
    code: 13,
    httpStatus: 502,
    text: "The connection ended before the answer came; the request may or may not have happened.",
  },
  COORDINATOR_NOT_AVAILABLE: {
    ...retry,
    code: 15,
    httpStatus: 503,
    text: "The group coordinator cannot take the request now.",
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
  },
  INVALID_REQUIRED_ACKS: { ...refusal, code: 21, httpStatus: 400, text: "acks must be 0, 1 or -1 (all)." },
  INVALID_GROUP_ID: { ...fatal, code: 24, httpStatus: 400, text: "The group id is not legal." },
  UNKNOWN_MEMBER_ID: { ...rejoin, code: 25, httpStatus: 404, text: "The group has no member of this id." },
  INVALID_SESSION_TIMEOUT: {
    ...fatal,
    code: 26,
    httpStatus: 400,
    text: "The session timeout is outside group.min.session.timeout.ms and group.max.session.timeout.ms.",
  },
  INVALID_COMMIT_OFFSET_SIZE: { ...refusal, code: 28, httpStatus: 413, text: "The commit is too large to store." },
  TOPIC_AUTHORIZATION_FAILED: { ...refusal, code: 29, httpStatus: 403, text: "The client may not use this topic." },
  GROUP_AUTHORIZATION_FAILED: { ...fatal, code: 30, httpStatus: 403, text: "The client may not use this group." },
  CLUSTER_AUTHORIZATION_FAILED: {
    ...fatal,
    code: 31,
    httpStatus: 403,
    text: "The client may not use this broker, or its request came from an origin or host that is not allowed.",
  },
  INVALID_TIMESTAMP: {
    ...refusal,
    code: 32,
    httpStatus: 400,
    text: "A record's timestamp is outside the range that the topic accepts.",
  },
  UNSUPPORTED_VERSION: {
    ...fatal,
    code: 35,
    httpStatus: 400,
    text: "The two sides share no version of the protocol, or the API does not exist in it.",
  },
  TOPIC_ALREADY_EXISTS: { ...refusal, code: 36, httpStatus: 409, text: "A topic of this name exists." },
  INVALID_PARTITIONS: { ...refusal, code: 37, httpStatus: 400, text: "The number of partitions is not legal." },
  INVALID_CONFIG: {
    ...refusal,
    code: 40,
    httpStatus: 400,
    text: "A configuration is unknown or its value is not legal.",
  },
  INVALID_REQUEST: { ...refusal, code: 42, httpStatus: 400, text: "The request does not fit its schema." },
  UNSUPPORTED_FOR_MESSAGE_FORMAT: {
    ...refusal,
    code: 43,
    httpStatus: 400,
    text: "The record batch is not of format v2 (magic 2).",
  },
  POLICY_VIOLATION: { ...refusal, code: 44, httpStatus: 422, text: "A limit of the broker forbids it." },
  OUT_OF_ORDER_SEQUENCE_NUMBER: {
    ...refusal,
    code: 45,
    recovery: "bumpEpoch",
    httpStatus: 409,
    text: "The batch does not follow the producer's last one in this partition.",
  },
  DUPLICATE_SEQUENCE_NUMBER: {
    ...refusal,
    code: 46,
    httpStatus: 409,
    text: "The batch repeats one that is older than the five the broker remembers.",
  },
  INVALID_PRODUCER_EPOCH: {
    ...refusal,
    code: 47,
    recovery: "bumpEpoch",
    httpStatus: 409,
    text: "A newer epoch of this producer has written already.",
  },
  SASL_AUTHENTICATION_FAILED: { ...fatal, code: 58, httpStatus: 401, text: "The token is missing or wrong." },
  KAFKA_STORAGE_ERROR: {
    ...indefinite,
    code: 56,
    httpStatus: 500,
    text: "The broker could not finish the write; it may or may not be stored.",
  },
  UNKNOWN_PRODUCER_ID: {
    ...refusal,
    code: 59,
    recovery: "bumpEpoch",
    httpStatus: 409,
    text: "The broker knows nothing of this producer in this partition.",
  },
  NON_EMPTY_GROUP: { ...refusal, code: 68, httpStatus: 409, text: "The group has members." },
  GROUP_ID_NOT_FOUND: { ...refusal, code: 69, recovery: "rejoin", httpStatus: 404, text: "The group does not exist." },
  FENCED_LEADER_EPOCH: {
    ...retry,
    recovery: "raise",
    code: 74,
    httpStatus: 409,
    text: "The log has other records at this position than those of the named leader epoch: it was truncated.",
  },
  UNKNOWN_LEADER_EPOCH: { ...refusal, code: 75, httpStatus: 409, text: "The leader epoch is newer than the broker's." },
  UNSUPPORTED_COMPRESSION_TYPE: {
    ...refusal,
    code: 76,
    httpStatus: 415,
    text: "The batch's compression type is not supported.",
  },
  GROUP_MAX_SIZE_REACHED: { ...fatal, code: 81, httpStatus: 409, text: "The group has group.max.size members." },
  FENCED_INSTANCE_ID: { ...fatal, code: 82, httpStatus: 409, text: "Another member took over this group.instance.id." },
  GROUP_SUBSCRIBED_TO_TOPIC: {
    ...refusal,
    code: 86,
    httpStatus: 409,
    text: "A member of the group subscribes to the topic.",
    hint: "Stop the group's consumers, or delete the offsets of topics that nobody in it reads.",
  },
  INVALID_RECORD: { ...refusal, code: 87, httpStatus: 400, text: "A record breaks a rule of its topic." },
  UNSTABLE_OFFSET_COMMIT: {
    ...retry,
    code: 88,
    httpStatus: 503,
    text: "The partition has offsets of a transaction that is not finished.",
  },
  THROTTLING_QUOTA_EXCEEDED: {
    ...retry,
    code: 89,
    httpStatus: 429,
    text: "The client has more unanswered request bytes, connections or waiting requests than it was granted.",
  },
  PRODUCER_FENCED: {
    ...fatal,
    code: 90,
    httpStatus: 409,
    text: "A newer producer of the same transactional.id has started.",
  },
  UNKNOWN_TOPIC_ID: {
    ...stale,
    code: 100,
    httpStatus: 404,
    text: "The topic was deleted; one of the same name is another topic.",
  },
  INCONSISTENT_CLUSTER_ID: {
    ...fatal,
    code: 104,
    httpStatus: 409,
    text: "The broker holds another log than the one this client has begun with.",
  },
  FENCED_MEMBER_EPOCH: {
    ...rejoin,
    code: 110,
    httpStatus: 409,
    text: "The member's epoch is not the one the group knows.",
  },
  UNRELEASED_INSTANCE_ID: { ...retry, code: 111, httpStatus: 409, text: "A live member holds this group.instance.id." },
  UNSUPPORTED_ASSIGNOR: { ...fatal, code: 112, httpStatus: 400, text: "The broker has no assignor of this name." },
  STALE_MEMBER_EPOCH: {
    ...refusal,
    code: 113,
    httpStatus: 409,
    text: "The member speaks for an epoch that has ended, or for a partition that is not its own.",
  },
  INVALID_REGULAR_EXPRESSION: {
    ...fatal,
    code: 128,
    httpStatus: 400,
    text: "The subscription pattern is not a legal RE2 expression.",
  },
  STORAGE_FULL: { ...retry, code: 1001, httpStatus: 507, text: "The disk is full: nothing was stored." },
  STALE_CONNECTION: {
    ...fatal,
    code: 1002,
    httpStatus: 409,
    text: "A newer connection of the same client has taken over.",
  },
} as const satisfies Record<string, ErrorRow>;

/** Kafka's error names, and brooklet's own. */
export type ErrorCode = keyof typeof errorTable;

export function isErrorCode(name: string): name is ErrorCode {
  return Object.hasOwn(errorTable, name);
}

/** The row of an error. */
export function errorRow(code: ErrorCode): ErrorRow {
  return errorTable[code];
}

/** An error as it travels, in answers and in results of single items alike. */
export interface WireError {
  code: string;
  message: string;
  retriable: boolean;
  definite: boolean;
  /** What to do about it. */
  hint?: string;
  context?: Record<string, unknown>;
}

export interface ErrorDetail {
  hint?: string;
  context?: Record<string, unknown>;
  cause?: unknown;
}

/** A refusal that the peer may see. Anything else that is thrown in the broker is a bug and travels as UNKNOWN_SERVER_ERROR. */
export class ProtocolError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly context: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = "ProtocolError";
    this.code = code;
    const row: ErrorRow = errorTable[code];
    this.hint = detail.hint ?? row.hint;
    this.context = detail.context;
  }

  get row(): ErrorRow {
    return errorTable[this.code];
  }

  toWire(): WireError {
    return {
      code: this.code,
      message: this.message,
      retriable: this.row.retriable,
      definite: this.row.definite,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.context === undefined ? {} : { context: this.context }),
    };
  }
}

/** A statement that must hold; when it does not, the program is wrong, and going on would make it worse. */
export function invariant(holds: boolean, statement: string): asserts holds {
  if (!holds) throw new Error(`invariant broken: ${statement}`);
}
