// What the broker says of itself.

import type { Handler } from "./handler.ts";

/** What the broker is, where its data lies and what it holds. */
export const status: Handler<"status"> = (_request, { broker }) => broker.describeStatus();
