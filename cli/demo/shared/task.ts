// What a member of a demo's group is told to be.

export interface MemberTask {
  /** Its client.id, and what the story calls it. */
  readonly name: string;
  readonly bootstrapServers: string;
  readonly topic: string;
  readonly groupId: string;
  /** Makes it a static member. */
  readonly instanceId?: string;
  readonly sessionTimeoutMs: number;
  readonly maxPollIntervalMs?: number;
  readonly commitIntervalMs: number;
}
