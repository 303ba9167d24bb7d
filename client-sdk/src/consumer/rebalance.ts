// Carries out assignments and losses, on the caller, inside poll, ready, close and unsubscribe: stop fetching what goes,
// commit it, onPartitionsRevoked, onPartitionsAssigned, acknowledge. One at a time; a newer target waits.
//
// Invariants: what goes is not handed out from before its commit on; what comes is not fetched before its callback returned;
// a throwing callback does not stop the reconciliation (hard place 13).

import { BrookletError, type OffsetAndMetadata, type TopicPartition } from "../errors.ts";
import type { AutoCommit } from "./auto-commit.ts";
import type { Commits } from "./commits.ts";
import { asBrookletError, type MemberSession } from "./member-session.ts";
import type { AssignedPartition } from "./membership-states.ts";
import { identityOf } from "./partition-identity.ts";
import type { PartitionState, Positions } from "./positions.ts";
import { plain, type RebalanceListener } from "./types.ts";

export interface RebalanceDetail {
  readonly revoked: TopicPartition[];
  readonly assigned: TopicPartition[];
  readonly lost: TopicPartition[];
  readonly epoch: number | undefined;
  readonly reason: string | undefined;
}

export interface RebalancerOptions {
  readonly session: MemberSession;
  readonly positions: Positions;
  readonly commits: Commits;
  /** undefined: enable.auto.commit is false. */
  readonly autoCommit: AutoCommit | undefined;
  readonly rebalanceTimeoutMs: number;
  listener(): RebalanceListener;
  onRebalance(detail: RebalanceDetail): void;
  onChange(): void;
}

/** A reconciliation whose commit is under way. */
interface Prepared {
  readonly target: readonly AssignedPartition[];
  committed: boolean;
  /** Aborted when the membership that it is for is over. */
  readonly over: AbortController;
}

/** Partitions that went without a callback, and as far as records of them were handed out. */
export interface UnheardLoss {
  readonly offsets: readonly OffsetAndMetadata[];
  readonly reason: string;
}

export class Rebalancer {
  readonly #options: RebalancerOptions;
  #prepared: Prepared | undefined;
  #unheardLoss: UnheardLoss | undefined;
  #everAssigned = false;
  #inCallback = false;
  /** The synchronous beginning of a callback runs now: a call made here comes from inside it. */
  #enteringCallback = false;

  constructor(options: RebalancerOptions) {
    this.#options = options;
  }

  get inCallback(): boolean {
    return this.#inCallback;
  }
  get enteringCallback(): boolean {
    return this.#enteringCallback;
  }

  /** Whether run() would have something to do. */
  get pending(): boolean {
    const { session } = this.#options;
    return session.lossPending || session.pendingTarget !== undefined;
  }

  /** What was dropped since the last poll: until the next one the application may still work on it. */
  get unheardLoss(): UnheardLoss | undefined {
    return this.#unheardLoss;
  }

  /** Does what is due and can be done without waiting for anything but callbacks. Throws what a callback threw, afterwards. */
  async run(): Promise<void> {
    if (this.#inCallback) return;
    this.#unheardLoss = undefined;
    const { session } = this.#options;
    const thrown: unknown[] = [];
    while (thrown.length === 0) {
      if (session.lossPending) await this.lose(session.lossReason, thrown);
      else if (!(await this.#reconcile(thrown))) break;
    }
    if (thrown.length > 0) throw thrown[0];
  }

  /** Without callbacks to run, a fenced member drops its partitions at once and joins again. */
  dropLost(reason: string): boolean {
    const { onPartitionsLost, onPartitionsRevoked } = this.#options.listener();
    if (onPartitionsLost !== undefined || onPartitionsRevoked !== undefined || this.#inCallback) return false;
    const offsets = this.#options.positions.handedOut();
    this.#drop(reason);
    if (offsets.length > 0) this.#unheardLoss = { offsets, reason };
    return true;
  }

  #drop(reason: string): TopicPartition[] {
    const { positions, onRebalance, session } = this.#options;
    this.#forgetTarget(reason);
    const states = [...positions.all()];
    for (const state of states) positions.remove(state);
    const lost = states.map(plain);
    if (lost.length > 0) onRebalance({ revoked: [], assigned: [], lost, epoch: session.liveEpoch, reason });
    return lost;
  }

  /** The partitions belong to others already. */
  async lose(reason: string, thrown: unknown[]): Promise<void> {
    const { positions, session } = this.#options;
    const listener = this.#options.listener();
    const lost = [...positions.all()];
    if (lost.length > 0) {
      const call = listener.onPartitionsLost ?? listener.onPartitionsRevoked;
      await this.#callBack(call?.bind(listener), lost, thrown);
    }
    this.#drop(reason);
    session.handle({ type: "lossHandled" });
  }

  /** Everything is given up while still owned: before a leave. */
  async revokeAll(reason: string, thrown: unknown[]): Promise<void> {
    const { positions, onRebalance, session } = this.#options;
    const listener = this.#options.listener();
    const states = [...positions.all()];
    for (const state of states) positions.startRevoking(state);
    if (states.length > 0) await this.#callBack(listener.onPartitionsRevoked?.bind(listener), states, thrown);
    this.#forgetTarget(reason);
    for (const state of states) positions.remove(state);
    const revoked = states.map(plain);
    if (revoked.length > 0) onRebalance({ revoked, assigned: [], lost: [], epoch: session.liveEpoch, reason });
  }

  /** The membership is over, and the commit for it with it: under another it would be refused, and hold up what follows. */
  #forgetTarget(reason: string): void {
    this.#prepared?.over.abort(reason);
    this.#prepared = undefined;
    this.#everAssigned = false;
  }

  /** Says whether to look again. */
  async #reconcile(thrown: unknown[]): Promise<boolean> {
    const { session, positions, onRebalance } = this.#options;
    const target = session.pendingTarget;
    if (target === undefined) return false;
    const wanted = new Set(target.map(identityOf));
    const going = [...positions.all()].filter((state) => !wanted.has(identityOf(state)));
    if (!this.#isPrepared(target, going)) return false;

    const listener = this.#options.listener();
    if (going.length > 0) await this.#callBack(listener.onPartitionsRevoked?.bind(listener), going, thrown);
    for (const state of going) positions.remove(state);
    // Fenced meanwhile: the rest is lost, and nothing is taken on.
    if (session.pendingTarget === undefined) return true;

    const kept = new Set([...positions.all()].map(identityOf));
    const coming = target.filter((one) => !kept.has(identityOf(one))).map((one) => positions.add(one, true));
    if (coming.length > 0 || !this.#everAssigned) {
      await this.#callBack(listener.onPartitionsAssigned?.bind(listener), coming, thrown);
    }
    this.#everAssigned = true;
    for (const state of coming) state.assigning = false;
    this.#prepared = undefined;
    const epoch = session.liveEpoch;
    if (session.pendingTarget === undefined) return true;
    session.handle({ type: "reconciled", owned: positions.assigned() });
    if (going.length > 0 || coming.length > 0) {
      const detail = { revoked: going.map(plain), assigned: coming.map(plain), lost: [] };
      onRebalance({ ...detail, epoch, reason: session.targetReason });
    }
    return true;
  }

  /** Stops what goes and commits it; true when the commit is over. Kept partitions are read on meanwhile. */
  #isPrepared(target: readonly AssignedPartition[], going: readonly PartitionState[]): boolean {
    const { positions, autoCommit, commits, rebalanceTimeoutMs, onChange } = this.#options;
    if (this.#prepared?.target === target) return this.#prepared.committed;
    const leaving = new Set(going);
    for (const state of positions.all()) {
      if (leaving.has(state)) positions.startRevoking(state);
      else state.revoking = false;
    }
    const over = new AbortController();
    const prepared: Prepared = { target, committed: true, over };
    this.#prepared = prepared;
    const offsets = going.length > 0 && autoCommit !== undefined ? autoCommit.due() : [];
    if (autoCommit === undefined || offsets.length === 0) return true;
    prepared.committed = false;
    commits
      .sync(offsets, { timeoutMs: rebalanceTimeoutMs, retryStale: true, signal: over.signal })
      .catch((thrown: unknown) => {
        const error = asBrookletError(thrown);
        autoCommit.failed(over.signal.aborted ? givenUp(error, over.signal) : error, offsets);
      })
      .finally(() => {
        prepared.committed = true;
        onChange();
      });
    return false;
  }

  async #callBack(
    callback: ((partitions: TopicPartition[]) => void | Promise<void>) | undefined,
    states: readonly PartitionState[],
    thrown: unknown[],
  ): Promise<void> {
    if (callback === undefined) return;
    this.#inCallback = true;
    try {
      this.#enteringCallback = true;
      const result = callback(states.map(plain));
      this.#enteringCallback = false;
      await result;
    } catch (error) {
      thrown.push(error);
    } finally {
      this.#enteringCallback = false;
      this.#inCallback = false;
    }
  }
}

function givenUp(cause: BrookletError, { reason }: AbortSignal): BrookletError {
  return new BrookletError(`the commit before a revocation was given up, because the membership is over: ${reason}`, {
    code: "UNKNOWN_MEMBER_ID",
    definite: cause.definite,
    cause,
  });
}
