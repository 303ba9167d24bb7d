// The handlers of all APIs. An API without a handler does not compile. `hello` is the session's own (listeners/session.ts).

import type { ApiName } from "@brooklet/protocol";
import { createTopics } from "./create-topics.ts";
import { deleteTopics } from "./delete-topics.ts";
import { describeGroups } from "./describe-groups.ts";
import { fetch } from "./fetch.ts";
import { groupHeartbeat } from "./group-heartbeat.ts";
import type { Handler } from "./handler.ts";
import { initProducerId } from "./init-producer-id.ts";
import { listGroups } from "./list-groups.ts";
import { listOffsets } from "./list-offsets.ts";
import { metadata } from "./metadata.ts";
import { offsetCommit } from "./offset-commit.ts";
import { offsetFetch } from "./offset-fetch.ts";
import { produce } from "./produce.ts";
import { status } from "./status.ts";

/** Every API that reaches a handler. */
export type DispatchedApi = Exclude<ApiName, "hello">;

export const handlers = {
  metadata,
  createTopics,
  deleteTopics,
  produce,
  fetch,
  listOffsets,
  initProducerId,
  groupHeartbeat,
  offsetCommit,
  offsetFetch,
  listGroups,
  describeGroups,
  status,
} satisfies { [A in DispatchedApi]: Handler<A> };
