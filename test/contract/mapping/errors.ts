// Every row of the error table and the test that provokes it: at a door, in the part of the broker that says it, or in the SDK.

import type { ErrorCode } from "@brooklet/protocol";
import { at, type Shown } from "./shown.ts";

/** `note`: no broker of this version says it; what the test shows instead. */
export interface ShownError extends Shown {
  readonly note?: string;
}

const wire = at("contract/bad-input/wire.test.ts");
const hints = at("contract/bad-input/hints.test.ts");
const brokerClient = at("unit/client/network/broker-client.test.ts");
const sending = at("unit/client/producer/sending.test.ts");
const later = at("unit/client/errors-for-later.test.ts");
const refusals = at("unit/groups/refusals.test.ts");
const removal = at("unit/groups/removal.test.ts");
const staticMembers = at("unit/groups/static-members.test.ts");
const sequences = at("unit/log/idempotence.test.ts")("%s is refused");
const produced = wire(`produce by \${door}: %s`);
const fetched = wire("fetch by each door: %s");
const created = at("unit/log/topics.test.ts")("%s is refused, also when only validating");

export const shownErrors = {
  UNKNOWN_SERVER_ERROR: at("unit/listeners/session.test.ts")("a bug in a handler is answered without its details"),
  OFFSET_OUT_OF_RANGE: fetched,
  CORRUPT_MESSAGE: produced,
  UNKNOWN_TOPIC_OR_PARTITION: fetched,
  REQUEST_TIMED_OUT: brokerClient(
    "a dead socket is noticed by the first request that times out on a silent connection",
  ),
  BROKER_NOT_AVAILABLE: at("integration/broker/close.test.ts")(
    "while a broker drains, connections that are open are told that it stops",
  ),
  MESSAGE_TOO_LARGE: produced,
  OFFSET_METADATA_TOO_LARGE: at("unit/groups/commits.test.ts")("illegal items are refused one by one"),
  NETWORK_EXCEPTION: brokerClient(
    "a sent request is in doubt after a cut, one that waited is sent over the next connection",
  ),
  COORDINATOR_NOT_AVAILABLE: refusals("groups are bounded; those without members and offsets make room"),
  INVALID_TOPIC_EXCEPTION: hints("%s of %j is refused with %s, and says what to do"),
  RECORD_LIST_TOO_LARGE: at("integration/listeners/http.test.ts")(
    "a body beyond the limit is refused with 413, records beyond it too, and the broker goes on",
  ),
  INVALID_REQUIRED_ACKS: at("unit/log/produce-refusals.test.ts")("acks %d refuses the request"),
  INVALID_GROUP_ID: refusals("illegal joins"),
  UNKNOWN_MEMBER_ID: refusals("who was removed hears when, why, who has its partitions, and what to do"),
  INVALID_SESSION_TIMEOUT: at("contract/options/consumer.test.ts")(
    "session.timeout.ms %s is refused with both bounds; at them it is taken",
  ),
  INVALID_COMMIT_OFFSET_SIZE: {
    ...later("a commit that is too large to store fails for good, for each of its partitions"),
    note: "one commit's records always fit into __consumer_offsets here; another broker may say it",
  },
  TOPIC_AUTHORIZATION_FAILED: {
    ...sending("a topic that cannot be used fails at once, another is not held up"),
    note: "there are no ACLs",
  },
  GROUP_AUTHORIZATION_FAILED: {
    ...later("a group that may not be used is fatal for the consumer"),
    note: "there are no ACLs",
  },
  CLUSTER_AUTHORIZATION_FAILED: at("integration/listeners/guard.test.ts")("%s %s is behind the guard"),
  INVALID_TIMESTAMP: at("unit/log/produce-refusals.test.ts")(
    "a record too far in the future is refused, one just within the bound and one of long ago are not",
  ),
  UNSUPPORTED_VERSION: at("unit/listeners/session.test.ts")(
    "a client of another version is refused with both sides' versions",
  ),
  TOPIC_ALREADY_EXISTS: created,
  INVALID_PARTITIONS: created,
  INVALID_CONFIG: created,
  INVALID_REQUEST: wire("%s closes the WebSocket with the reason, and is a frame with the error over HTTP"),
  UNSUPPORTED_FOR_MESSAGE_FORMAT: produced,
  POLICY_VIOLATION: created,
  OUT_OF_ORDER_SEQUENCE_NUMBER: sequences,
  DUPLICATE_SEQUENCE_NUMBER: {
    ...sending("a repetition that the broker only knows to be one is a success without an offset"),
    note: "the broker answers a remembered repetition with its offset, an older one is out of order, as Kafka's",
  },
  INVALID_PRODUCER_EPOCH: sequences,
  SASL_AUTHENTICATION_FAILED: at("integration/listeners/token.test.ts")(
    "%s %s wants a token: none and a wrong one are 401, with how to show one",
  ),
  KAFKA_STORAGE_ERROR: at("integration/broker/close.test.ts")(
    "when the storage fails the broker tells the truth, closes, and rejects closed",
  ),
  UNKNOWN_PRODUCER_ID: {
    ...at("unit/client/producer/partition-queue.test.ts")(
      "%s for the first in line raises the epoch, once those in flight are heard of",
    ),
    note: "an unknown producer may begin with any sequence, as since Kafka 2.4",
  },
  NON_EMPTY_GROUP: removal("what cannot be deleted says why, each by itself"),
  GROUP_ID_NOT_FOUND: removal("what cannot be deleted says why, each by itself"),
  FENCED_LEADER_EPOCH: at("unit/log/leader-epochs.test.ts")("a position %s"),
  UNKNOWN_LEADER_EPOCH: at("unit/log/fetch.test.ts")(
    "a leader epoch of the future is refused, today's and none are not",
  ),
  UNSUPPORTED_COMPRESSION_TYPE: at("unit/protocol/codecs.test.ts")(
    "a package that is not there is named, with what to do",
  ),
  GROUP_MAX_SIZE_REACHED: refusals("illegal joins"),
  FENCED_INSTANCE_ID: staticMembers(
    "the member that was replaced is fenced: heartbeats, leaves and commits, with and without its instance id",
  ),
  GROUP_SUBSCRIBED_TO_TOPIC: removal("offsetDelete removes what nobody subscribes to, per partition, with its records"),
  INVALID_RECORD: produced,
  UNSTABLE_OFFSET_COMMIT: {
    ...at("unit/consumer/positions.test.ts")(
      "committed offsets are asked as this member, stable ones only, and asked again while they are not",
    ),
    note: "there are no transactions yet",
  },
  THROTTLING_QUOTA_EXCEEDED: at("integration/listeners/flow.test.ts")(
    "hello grants; above the grant produce is refused and told to wait; commits and heartbeats are exempt; fetches are clipped",
  ),
  PRODUCER_FENCED: {
    ...later("a producer that another has fenced says so, as the class Kafka's users know, and is fatal"),
    note: "there are no transactions yet",
  },
  UNKNOWN_TOPIC_ID: produced,
  INCONSISTENT_CLUSTER_ID: at("integration/processes/bootstrap-servers.test.ts")(
    "clients follow their broker from one of bootstrap.servers to the next, and accept no other log",
  ),
  FENCED_MEMBER_EPOCH: at("unit/groups/membership.test.ts")(
    "epochs: greater and smaller are fenced, the previous one passes after a lost answer",
  ),
  UNRELEASED_INSTANCE_ID: staticMembers(
    "while the holder may be alive a claim is refused, and says for how long and for whom",
  ),
  UNSUPPORTED_ASSIGNOR: refusals("illegal joins"),
  STALE_MEMBER_EPOCH: at("unit/groups/commits.test.ts")(
    "the epoch must lie between the partition's assignment and the member's epoch",
  ),
  INVALID_REGULAR_EXPRESSION: at("unit/groups/patterns.test.ts")(
    "what is not RE2, too long or too large is refused with the reason, and changes nothing",
  ),
  STORAGE_FULL: at("unit/log/failed-turns.test.ts")("turn %d of five in flight meets a full disk"),
  STALE_CONNECTION: at("unit/listeners/session.test.ts")(
    "a connection that comes late is refused for good, and the newer one lives on",
  ),
} satisfies Record<ErrorCode, ShownError>;
