// Small pieces of work that the storage does by itself, beside the turns: one step at a time, with pauses, on the
// injected clock. Both executors use it.

import type { Clock, Timers } from "@brooklet/protocol/world";

/** Between two steps, so that turns come in between. */
const STEP_PAUSE_MS = 10;
/** After a step that found no room. */
const FULL_PAUSE_MS = 1000;

export type StepResult = "more" | "done" | "full";

/** Repeats a step until it is done; `wake` begins anew. */
export class BackgroundWork {
  readonly #timers: Timers;
  readonly #step: () => Promise<StepResult>;

  constructor(clock: Clock, step: () => Promise<StepResult>) {
    this.#timers = clock.timers();
    this.#step = step;
  }

  wake(): void {
    if (!this.#timers.has("step")) this.#schedule(STEP_PAUSE_MS);
  }

  close(): void {
    this.#timers.close();
  }

  #schedule(delayMs: number): void {
    this.#timers.schedule("step", delayMs, () => {
      void this.#step().then((result) => {
        if (result !== "done") this.#schedule(result === "more" ? STEP_PAUSE_MS : FULL_PAUSE_MS);
      });
    });
  }
}
