import type { Handler } from "./handler.ts";

/** Deletes committed offsets, per partition. */
export const offsetDelete: Handler<"offsetDelete"> = async (request, { broker }) => ({
  results: await broker.groups.deleteOffsets(request),
});
