// A reader that gets nothing says what it waits for; and finds out whether there is still a broker that could send.
// Invariant: whoever reads to an end learns within two timeouts that the broker is gone; whoever follows is told, and goes on.

import type { Consumer } from "@brooklet/client";
import type { Timers } from "@brooklet/protocol/world";
import type { Call } from "../../call.ts";

const SILENCE_MS = 1_500;

interface SilenceOptions {
  readonly call: Call;
  readonly consumer: Consumer;
  readonly timeoutMs: number;
  /** Of the job; a member that owns nothing asks about the first. */
  readonly topics: readonly string[];
  /** `records of orders-0`. */
  readonly what: () => string;
  readonly isQuiet: boolean;
  /** The broker did not answer; without it that is said, and nothing else happens. */
  readonly onLost?: (error: unknown) => void;
}

export class Silence implements Disposable {
  readonly #options: SilenceOptions;
  readonly #timers: Timers;
  #isLost = false;
  #isOver = false;

  constructor(options: SilenceOptions) {
    this.#options = options;
    this.#timers = options.call.clock.timers();
    this.#say((text) => options.call.output.note(`brooklet: ${text}`));
    this.#watch();
  }

  /** Records have come. */
  broken(): void {
    // A note between records would stay there; on a terminal a line that goes away does no harm.
    const { output } = this.#options.call;
    output.status("");
    this.#say((text) => output.stdout.isTerminal && output.status(text));
    this.#found();
    this.#watch();
  }

  #say(say: (text: string) => void): void {
    const { what, isQuiet } = this.#options;
    if (!isQuiet) this.#timers.schedule("word", SILENCE_MS, () => say(`waiting for ${what()}; Ctrl-C ends`));
  }

  #watch(): void {
    this.#timers.schedule("probe", this.#options.timeoutMs, () => void this.#probe());
  }

  /** Never rejects. */
  async #probe(): Promise<void> {
    const { call, consumer, timeoutMs, topics, onLost } = this.#options;
    // About no partition nobody would be asked.
    const [owned = { topic: topics[0] ?? "", partition: 0 }] = consumer.assignment();
    try {
      await consumer.endOffsets([owned], { timeoutMs });
      this.#found();
    } catch (error) {
      if (this.#isOver) return;
      if (onLost !== undefined) onLost(error);
      else if (!this.#isLost)
        call.output.note(
          `brooklet: nothing from the broker: ${error instanceof Error ? error.message : error}; trying on, Ctrl-C ends`,
        );
      this.#isLost = true;
    }
    if (!this.#isOver) this.#watch();
  }

  #found(): void {
    if (this.#isLost) this.#options.call.output.note("brooklet: the broker is there again");
    this.#isLost = false;
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#timers.close();
    this.#options.call.output.status("");
  }
}
