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
  #stepping = false;
  #wokenMeanwhile = false;

  constructor(clock: Clock, step: () => Promise<StepResult>) {
    this.#timers = clock.timers();
    this.#step = step;
  }

  wake(): void {
    if (this.#stepping) this.#wokenMeanwhile = true;
    else if (!this.#timers.has("step")) this.#schedule(STEP_PAUSE_MS);
  }

  close(): void {
    this.#timers.close();
  }

  #schedule(delayMs: number): void {
    this.#timers.schedule("step", delayMs, () => {
      this.#stepping = true;
      this.#wokenMeanwhile = false;
      void this.#step().then((result) => {
        this.#stepping = false;
        if (result === "full") this.#schedule(FULL_PAUSE_MS);
        else if (result === "more" || this.#wokenMeanwhile) this.#schedule(STEP_PAUSE_MS);
      });
    });
  }
}
