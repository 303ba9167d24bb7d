// The SDK's errors: Kafka's class names with `Error` for `Exception`. Made from the protocol's error table or by the client itself.
//
// `is` compares the brand, not the constructor, so an error of another copy of this package is recognised too.

import { errorRow, isErrorCode, type WireError } from "@brooklet/protocol";
import type { Header } from "./serdes.ts";

/** A topic's partition. */
export interface TopicPartition {
  topic: string;
  partition: number;
}

/** `offset` is the next offset to read, as in Kafka. */
export interface OffsetAndMetadata extends TopicPartition {
  offset: number;
  metadata?: string;
  leaderEpoch?: number;
}

/** What the broker recorded for one partition; `error` where it refused. */
export interface CommittedOffset extends OffsetAndMetadata {
  committedAtMs: number;
  error?: BrookletError;
}

export interface ErrorFields {
  code: string;
  retriable?: boolean;
  fatal?: boolean;
  definite?: boolean;
  hint?: string;
  context?: Record<string, unknown>;
  cause?: unknown;
}

const BRAND = Symbol.for("brooklet.error.classes");

/** `name` is the class name, `code` Kafka's error name or a client-side one (NETWORK_EXCEPTION, TIMEOUT, WAKEUP, CLOSED, INVALID_CONFIG, ILLEGAL_STATE …). */
export class BrookletError extends Error {
  readonly code: string;
  /** The same call may succeed later. */
  readonly retriable: boolean;
  /** The object that threw it cannot go on. */
  readonly fatal: boolean;
  /** What was asked for certainly did not happen. */
  readonly definite: boolean;
  // Declared only: an error without them does not show them.
  declare readonly hint?: string;
  declare readonly context?: Record<string, unknown>;

  constructor(message: string, fields: ErrorFields) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.code = fields.code;
    this.retriable = fields.retriable ?? false;
    this.fatal = fields.fatal ?? false;
    this.definite = fields.definite ?? true;
    if (fields.hint !== undefined) this.hint = fields.hint;
    if (fields.context !== undefined) this.context = fields.context;
    Object.defineProperty(this, "name", { value: new.target.className, configurable: true, enumerable: false });
    const classes: string[] = [];
    for (
      let type: { className?: string } | null = new.target;
      type !== null && type.className !== undefined;
      type = Object.getPrototypeOf(type) as { className?: string } | null
    ) {
      classes.push(type.className);
    }
    Object.defineProperty(this, BRAND, { value: classes, enumerable: false });
  }

  /** A literal per class: `constructor.name` does not survive minification. */
  static readonly className: string = "BrookletError";

  /** Whether `value` is an error of this class, also when it comes from another copy of the package. */
  static is<E extends BrookletError>(this: abstract new (...args: never[]) => E, value: unknown): value is E {
    if (typeof value !== "object" || value === null) return false;
    const classes: unknown = (value as { [BRAND]?: unknown })[BRAND];
    // biome-ignore lint/complexity/noThisInStatic: the class it is called on is the question
    return Array.isArray(classes) && classes.includes((this as unknown as { className: string }).className);
  }
}

/** A failure that a repetition may cure. */
export class RetriableError extends BrookletError {
  static override readonly className: string = "RetriableError";
  constructor(message: string, fields: ErrorFields) {
    super(message, { retriable: true, ...fields });
  }
}

export interface ConfigProblem {
  setting: string;
  problem: string;
  suggestion?: string;
}

/** All problems of a configuration at once. */
export class ConfigError extends BrookletError {
  static override readonly className: string = "ConfigError";
  readonly problems: ConfigProblem[];
  constructor(problems: ConfigProblem[]) {
    const lines = problems.map(
      ({ setting, problem, suggestion }) =>
        `  ${setting}: ${problem}${suggestion === undefined ? "" : ` (${suggestion})`}`,
    );
    super(
      `the configuration has ${problems.length === 1 ? "a problem" : `${problems.length} problems`}:\n${lines.join("\n")}`,
      {
        code: "INVALID_CONFIG",
      },
    );
    this.problems = problems;
  }
}

/** A call did not finish within its time. `definite` says whether a request of it may still have happened. */
export class TimeoutError extends RetriableError {
  static override readonly className: string = "TimeoutError";
}

/** `wakeup()` was called. */
export class WakeupError extends BrookletError {
  static override readonly className: string = "WakeupError";
}

/** `partitions` were refused; `results` holds what was recorded and what was not. */
export class CommitFailedError extends BrookletError {
  static override readonly className: string = "CommitFailedError";
  readonly partitions: TopicPartition[];
  readonly results: CommittedOffset[];
  constructor(message: string, fields: ErrorFields & { partitions: TopicPartition[]; results: CommittedOffset[] }) {
    super(message, fields);
    this.partitions = fields.partitions;
    this.results = fields.results;
  }
}

/** An asynchronous commit failed in a way that a repetition may cure; the cause is inside. */
export class RetriableCommitFailedError extends RetriableError {
  static override readonly className: string = "RetriableCommitFailedError";
}

/** A partition has no committed offset and `auto.offset.reset` is none. */
export class NoOffsetForPartitionError extends BrookletError {
  static override readonly className: string = "NoOffsetForPartitionError";
  readonly partitions: TopicPartition[];
  constructor(message: string, fields: Omit<ErrorFields, "code"> & { partitions: TopicPartition[] }) {
    super(message, { ...fields, code: "NO_OFFSET_FOR_PARTITION" });
    this.partitions = fields.partitions;
  }
}

/** A position is outside its log and `auto.offset.reset` is none. */
export class OffsetOutOfRangeError extends BrookletError {
  static override readonly className: string = "OffsetOutOfRangeError";
  readonly partitions: OffsetAndMetadata[];
  constructor(message: string, fields: Omit<ErrorFields, "code"> & { partitions: OffsetAndMetadata[] }) {
    super(message, { ...fields, code: "OFFSET_OUT_OF_RANGE" });
    this.partitions = fields.partitions;
  }
}

/** A deserializer threw. The position stays at the record: seek past it to go on. All of the record is here (KIP-1036), to keep it elsewhere. */
export class RecordDeserializationError extends BrookletError {
  static override readonly className: string = "RecordDeserializationError";
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly part: "key" | "value";
  readonly keyBytes: Uint8Array | null;
  readonly valueBytes: Uint8Array | null;
  readonly headers: Header[];
  /** Milliseconds since 1970, or -1: none. */
  readonly timestamp: number;
  readonly timestampType: "CreateTime" | "LogAppendTime";
  constructor(
    message: string,
    fields: Omit<ErrorFields, "code"> & {
      topic: string;
      partition: number;
      offset: number;
      part: "key" | "value";
      keyBytes: Uint8Array | null;
      valueBytes: Uint8Array | null;
      headers: Header[];
      timestamp: number;
      timestampType: "CreateTime" | "LogAppendTime";
    },
  ) {
    super(message, { ...fields, code: "RECORD_DESERIALIZATION" });
    this.topic = fields.topic;
    this.partition = fields.partition;
    this.offset = fields.offset;
    this.part = fields.part;
    this.keyBytes = fields.keyBytes;
    this.valueBytes = fields.valueBytes;
    this.headers = fields.headers;
    this.timestamp = fields.timestamp;
    this.timestampType = fields.timestampType;
  }
}

/** A record or request is larger than the broker or `max.request.size` takes. */
export class RecordTooLargeError extends BrookletError {
  static override readonly className: string = "RecordTooLargeError";
}

/** Another member took over this `group.instance.id`. */
export class FencedInstanceIdError extends BrookletError {
  static override readonly className: string = "FencedInstanceIdError";
}

/** A live member holds this `group.instance.id`. */
export class UnreleasedInstanceIdError extends BrookletError {
  static override readonly className: string = "UnreleasedInstanceIdError";
}

/** The log was replaced below the position: the broker lost its newest records in an unclean end. */
export class LogTruncationError extends BrookletError {
  static override readonly className: string = "LogTruncationError";
}

/** A newer producer of the same `transactional.id` has started. */
export class ProducerFencedError extends BrookletError {
  static override readonly className: string = "ProducerFencedError";
}

/** The object was closed before or during the call. */
export class ClosedError extends BrookletError {
  static override readonly className: string = "ClosedError";
}

/** The call does not fit the object's state or its arguments are not legal (Kafka's IllegalStateException, IllegalArgumentException). */
export class IllegalStateError extends BrookletError {
  static override readonly className: string = "IllegalStateError";
  constructor(message: string, fields: Omit<ErrorFields, "code"> = {}) {
    super(message, { ...fields, code: "ILLEGAL_STATE" });
  }
}

/** What the broker said, as the class that Kafka would throw. */
export function fromWire(error: WireError): BrookletError {
  const row = isErrorCode(error.code) ? errorRow(error.code) : undefined;
  const fields: ErrorFields = {
    code: error.code,
    retriable: error.retriable,
    fatal: row?.fatal ?? false,
    definite: error.definite,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.context === undefined ? {} : { context: error.context }),
  };
  const message = `${error.code}: ${error.message}`;
  switch (error.code) {
    case "MESSAGE_TOO_LARGE":
    case "RECORD_LIST_TOO_LARGE":
      return new RecordTooLargeError(message, fields);
    case "FENCED_INSTANCE_ID":
      return new FencedInstanceIdError(message, fields);
    case "UNRELEASED_INSTANCE_ID":
      return new UnreleasedInstanceIdError(message, fields);
    case "PRODUCER_FENCED":
      return new ProducerFencedError(message, fields);
    case "REQUEST_TIMED_OUT":
      return new TimeoutError(message, fields);
    default:
      return error.retriable ? new RetriableError(message, fields) : new BrookletError(message, fields);
  }
}
