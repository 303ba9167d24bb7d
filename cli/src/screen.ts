// A terminal's whole screen, drawn again in place. It is the terminal's other screen, so that what stood there before comes
// back at the end; however the process ends, as long as it ends by itself or by a signal that can be caught.
// Invariant: what is drawn is harmless text and our own escapes, nothing else.

import type { Call } from "./call.ts";
import { harmless } from "./io.ts";
import type { Style } from "./terminal.ts";

const OTHER_SCREEN = "\u001b[?1049h";
const FIRST_SCREEN = "\u001b[?1049l";
const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";
const HOME = "\u001b[H";
const ERASE_REST_OF_LINE = "\u001b[K";
const ERASE_BELOW = "\u001b[J";
const DEFAULT_ROWS = 24;

export interface ScreenLine {
  readonly text: string;
  readonly style?: Style;
}

export class Screen {
  readonly #call: Pick<Call, "streams" | "output">;
  readonly #onResize: () => void;
  #isOpen = false;

  /** `redraw` is called when the size has changed, and when the command goes on after Ctrl-Z. */
  constructor(call: Pick<Call, "streams" | "output">, redraw: () => void) {
    this.#call = call;
    this.#onResize = redraw;
    this.#enter();
    call.streams.stdout.on("resize", redraw);
    process.on("exit", this.#leave);
    process.on("SIGTSTP", this.#pause);
    process.on("SIGCONT", this.#goOn);
  }

  get size(): { rows: number; columns: number } {
    const rows = this.#call.streams.stdout.rows ?? 0;
    return { rows: rows > 0 ? rows : DEFAULT_ROWS, columns: this.#call.output.stdout.columns ?? 0 };
  }

  /** Lines that fit, from the top; the rest of the screen is empty. */
  draw(lines: readonly ScreenLine[]): void {
    if (!this.#isOpen) return;
    const { stdout } = this.#call.output;
    const shown = lines.map(({ text, style }) => stdout.styled(harmless(text), style) + ERASE_REST_OF_LINE);
    this.#write(HOME + shown.join("\r\n") + ERASE_BELOW);
  }

  /** The terminal as it was. May be called again. */
  close(): void {
    this.#leave();
    this.#call.streams.stdout.off("resize", this.#onResize);
    process.off("exit", this.#leave);
    process.off("SIGTSTP", this.#pause);
    process.off("SIGCONT", this.#goOn);
  }

  readonly #leave = (): void => {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#write(SHOW_CURSOR + FIRST_SCREEN);
  };

  #enter(): void {
    this.#isOpen = true;
    this.#write(OTHER_SCREEN + HIDE_CURSOR);
  }

  readonly #pause = (): void => {
    this.#leave();
    // The handler stands in for the signal's own effect.
    process.kill(process.pid, "SIGSTOP");
  };

  readonly #goOn = (): void => {
    if (this.#isOpen) return;
    this.#enter();
    this.#onResize();
  };

  /** A screenful a second: nothing waits for room. */
  #write(text: string): void {
    this.#call.streams.stdout.write(text);
  }
}
