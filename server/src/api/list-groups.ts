import type { Handler } from "./handler.ts";

/** All groups and their states. */
export const listGroups: Handler<"listGroups"> = (_request, { broker }) => ({ groups: broker.groups.list() });
