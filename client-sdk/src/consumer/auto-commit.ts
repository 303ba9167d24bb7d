// Automatic commits: of what the application has finished, at polls whose time has come. Never thrown to the application.
//
// Invariant: one is under way at a time; what is stored was handed out by earlier polls (under `for await`: finished).

import type { Clock } from "@brooklet/protocol/world";
import type { BrookletError, OffsetAndMetadata } from "../errors.ts";
import type { ClientLogger } from "../world.ts";
import type { Commits } from "./commits.ts";
import type { Positions } from "./positions.ts";

export interface AutoCommitOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly retryBackoffMs: number;
  readonly positions: Positions;
  readonly commits: Commits;
  readonly logger: ClientLogger;
  /** Whether a commit could be accepted at all. */
  mayCommit(): boolean;
  onFailed(error: BrookletError, offsets: readonly OffsetAndMetadata[]): void;
}

export class AutoCommit {
  readonly #options: AutoCommitOptions;
  #dueMs: number;
  #underWay = false;

  constructor(options: AutoCommitOptions) {
    this.#options = options;
    this.#dueMs = options.clock.nowMs() + options.intervalMs;
  }

  /** At the beginning of a poll, before it hands anything out. */
  poll(): void {
    const { clock, intervalMs } = this.#options;
    const nowMs = clock.nowMs();
    if (nowMs < this.#dueMs || this.#underWay || !this.#options.mayCommit()) return;
    this.#dueMs = nowMs + intervalMs;
    this.#start(this.due());
  }

  /** Without waiting for the time: a manual assignment is about to change. */
  now(): void {
    if (this.#options.mayCommit()) this.#start(this.due());
  }

  /** What is finished and not known to be committed. */
  due(): OffsetAndMetadata[] {
    const { positions } = this.#options;
    return positions.finished().filter((one) => positions.find(one)?.committed !== one.offset);
  }

  /** A synchronous commit before a rebalance or at the end failed: logged and told, never thrown. */
  failed(error: BrookletError, offsets: readonly OffsetAndMetadata[]): void {
    this.#options.logger.warn({ code: error.code }, `automatic commit failed: ${error.message}`);
    this.#options.onFailed(error, offsets);
  }

  #start(offsets: OffsetAndMetadata[]): void {
    if (offsets.length === 0) return;
    this.#underWay = true;
    this.#options.commits.quietly(offsets, (error) => {
      this.#underWay = false;
      if (error === null) return;
      if (error.retriable) this.#dueMs = this.#options.clock.nowMs() + this.#options.retryBackoffMs;
      this.failed(error, offsets);
    });
  }
}
