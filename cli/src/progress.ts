// How far long work is: a line that renews itself on a terminal, a rare line where the cursor cannot move (pipes, TERM=dumb).
// Short work says nothing at all. Data on stdout and notes push the line aside; it comes back at the next tick.

import type { Call } from "./call.ts";

/** How often the line on a terminal is renewed. */
const REDRAW_MS = 200;
/** How rare lines in a pipe are; the first comes after as long. */
const RARE_LINE_MS = 10_000;

/** Anything with an end, for `using`. */
export interface Progress {
  /** Takes the line away; what the work came to is the caller's own note. May be called again. */
  end(): void;
  [Symbol.dispose](): void;
}

/** Shows `describe()` while the work goes on: `12,000 records sent, 3.1 MiB/s`. Ended by `end()`; holds one timer. */
export function startProgress({ clock, output }: Pick<Call, "clock" | "output">, describe: () => string): Progress {
  const timers = clock.timers();
  const intervalMs = output.stderr.movesCursor ? REDRAW_MS : RARE_LINE_MS;
  const tick = () => {
    if (output.stderr.movesCursor) output.status(describe());
    else output.note(describe());
    timers.schedule("tick", intervalMs, tick);
  };
  timers.schedule("tick", intervalMs, tick);
  const end = () => {
    timers.close();
    output.status("");
  };
  return { end, [Symbol.dispose]: end };
}
