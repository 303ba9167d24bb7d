import type { Handler } from "./handler.ts";

/** A group's committed offsets, after the commits that are on their way. */
export const offsetFetch: Handler<"offsetFetch"> = async (request, { broker }) => ({
  offsets: await broker.groups.fetchOffsets(request),
});
