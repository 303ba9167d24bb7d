// Settings that Kafka's broker has and this one has not: what to use instead, or why there is none. So a copied name is told
// more than that it is unknown, and is never taken for one that only looks like it.

const ONE_BROKER = "there is one broker, with one replica of everything";
const NO_TRANSACTIONS = "transactions are not there yet";
const ONE_PROTOCOL = "there is one group protocol";

const otherwise: ReadonlyMap<string, string> = new Map([
  ["advertised.listeners", "clients need none; name the hosts they may use in allowed-hosts"],
  ["broker.id", ONE_BROKER],
  ["compression.type", "batches are stored as they were sent"],
  ["connections.max.idle.ms", "use idle.timeout.ms"],
  ["controller.quorum.voters", ONE_BROKER],
  ["default.replication.factor", ONE_BROKER],
  ["delete.topic.enable", "topics can be deleted"],
  ["group.consumer.assignment.interval.ms", "partitions are assigned once per turn, for all that changed in it"],
  [
    "group.consumer.max.heartbeat.interval.ms",
    "a member is heard as often as it asks, or group.consumer.heartbeat.interval.ms says",
  ],
  ["group.consumer.max.session.timeout.ms", "use group.max.session.timeout.ms"],
  ["group.consumer.max.size", "use group.max.size"],
  ["group.consumer.migration.policy", ONE_PROTOCOL],
  ["group.consumer.min.heartbeat.interval.ms", "a member is heard as often as it asks"],
  ["group.consumer.min.session.timeout.ms", "use group.min.session.timeout.ms"],
  ["group.coordinator.rebalance.protocols", ONE_PROTOCOL],
  ["group.initial.rebalance.delay.ms", "partitions move one by one, so nobody waits for the last to join"],
  ["listeners", "use host and port"],
  ["log.cleanup.policy", "use a topic's cleanup.policy"],
  ["log.dir", "use data"],
  ["log.dirs", "use data"],
  ["log.retention.hours", "use log.retention.ms"],
  ["log.retention.minutes", "use log.retention.ms"],
  ["log.roll.hours", "use log.roll.ms"],
  ["min.insync.replicas", ONE_BROKER],
  ["node.id", ONE_BROKER],
  ["offsets.topic.replication.factor", ONE_BROKER],
  ["process.roles", ONE_BROKER],
  ["queued.max.request.bytes", "use max.in.flight.request.bytes, which each connection is granted"],
  ["transaction.abort.timed.out.transaction.cleanup.interval.ms", NO_TRANSACTIONS],
  ["transaction.max.timeout.ms", NO_TRANSACTIONS],
  ["transaction.state.log.min.isr", NO_TRANSACTIONS],
  ["transaction.state.log.replication.factor", NO_TRANSACTIONS],
  ["transactional.id.expiration.ms", NO_TRANSACTIONS],
]);

/** What to do about a setting of Kafka's that is not here; undefined for a name that Kafka's users do not bring along. */
export function insteadOfKafkas(name: string): string | undefined {
  return otherwise.get(name);
}

/** The names, for the test that none of them is a setting. */
export const settingsOfKafka: readonly string[] = [...otherwise.keys()];
