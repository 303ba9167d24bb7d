// What happened in a simulated run, as its clients saw it: the input of the checkers. Values are unique in a run.

export interface Sent {
  readonly producer: string;
  /** Rises per producer: the order of its `send` calls. */
  readonly number: number;
  readonly topic: string;
  readonly value: string;
  outcome: "pending" | "acknowledged" | "failed" | "unknown";
  partition: number;
  offset: number;
}

export interface Delivered {
  readonly consumer: string;
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly value: string;
  readonly atMs: number;
  /** The interval of ownership in which it came. */
  readonly ownership: Ownership;
}

/** From `onPartitionsAssigned` or a seek to `onPartitionsRevoked`, `onPartitionsLost` or the next seek, as the member saw it. */
export interface Ownership {
  readonly consumer: string;
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly fromMs: number;
  untilMs: number;
  end: "owned" | "revoked" | "lost" | "killed" | "sought";
  /** Set by a seek: where reading must go on. */
  readonly soughtOffset?: number;
}

export interface Committed {
  readonly consumer: string;
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly sentAtMs: number;
  readonly doneAtMs: number;
  readonly accepted: boolean;
}

/** One partition of a commit that the broker accepted, seen on the wire: automatic commits too. */
export interface StoredCommit {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** At the broker. */
  readonly arrivedMs: number;
}

export interface LogEntry {
  readonly offset: number;
  readonly value: string;
}

/** One answer the broker sent to a heartbeat, seen on the wire. */
export interface Grant {
  readonly group: string;
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly instanceId?: string | undefined;
  /** With topic ids: a topic created again is another one. */
  readonly assignment: readonly string[] | undefined;
  readonly atMs: number;
}

/** A member left or was removed, by the broker's log. */
export interface Removal {
  readonly groupId: string;
  readonly member: string;
  /** Wall time. */
  readonly atMs: number;
}

/** An answer told where a partition's log begins, seen on the wire as it left the broker. */
export interface SeenLogStart {
  /** `topic-partition (topicId)`, or without the id when the answer names none. */
  readonly partition: string;
  readonly offset: number;
  readonly atMs: number;
  readonly by: string;
}

/** Somebody asked for the records before `offset` to be deleted, answered or not. */
export interface Deletion {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly askedAtMs: number;
}

/** A group's committed offsets were asked to be deleted, and may be gone: what was committed before does not bind. */
export interface OffsetsDropped {
  readonly group: string;
  readonly askedAtMs: number;
}

export class History {
  readonly sent: Sent[] = [];
  readonly delivered: Delivered[] = [];
  readonly ownerships: Ownership[] = [];
  readonly commits: Committed[] = [];
  readonly storedCommits: StoredCommit[] = [];
  /** Every partition of a commit that came to the broker: it may be stored though nobody heard of it. */
  readonly askedCommits: StoredCommit[] = [];
  readonly grants: Grant[] = [];
  /** Ids that got two answers on one connection, or answers to nobody. */
  readonly wireProblems: string[] = [];
  readonly removals: Removal[] = [];
  readonly brokerBugs: string[] = [];
  /** Of every batch that a produce request brought to the broker. */
  readonly codecs: string[] = [];
  readonly logStarts: SeenLogStart[] = [];
  readonly deletions: Deletion[] = [];
  readonly offsetsDropped: OffsetsDropped[] = [];
  /** Where the logs begin and end at the end, by "topic-partition". */
  readonly bounds = new Map<string, { start: number; end: number }>();
  /** The whole log at the end, from its start, by "topic-partition". */
  readonly log = new Map<string, LogEntry[]>();

  forget(topic: string): void {
    for (const list of [this.sent, this.delivered, this.commits, this.storedCommits])
      for (let index = list.length - 1; index >= 0; index--) if (list[index]?.topic === topic) list.splice(index, 1);
  }
}
