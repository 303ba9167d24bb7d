// The handlers of all APIs. An API without a handler does not compile. `hello` is the session's own (listeners/session.ts).

import type { ApiName } from "@brooklet/protocol";
import { alterConfigs } from "./alter-configs.ts";
import { createPartitions } from "./create-partitions.ts";
import { createTopics } from "./create-topics.ts";
import { deleteGroups } from "./delete-groups.ts";
import { deleteRecords } from "./delete-records.ts";
import { deleteTopics } from "./delete-topics.ts";
import { describeConfigs } from "./describe-configs.ts";
import { describeGroups } from "./describe-groups.ts";
import { fetch } from "./fetch.ts";
import { groupHeartbeat } from "./group-heartbeat.ts";
import type { Handler } from "./handler.ts";
import { initProducerId } from "./init-producer-id.ts";
import { leaveGroup } from "./leave-group.ts";
import { listGroups } from "./list-groups.ts";
import { listOffsets } from "./list-offsets.ts";
import { metadata } from "./metadata.ts";
import { offsetCommit } from "./offset-commit.ts";
import { offsetDelete } from "./offset-delete.ts";
import { offsetFetch } from "./offset-fetch.ts";
import { offsetForLeaderEpoch } from "./offset-for-leader-epoch.ts";
import { produce } from "./produce.ts";
import { status } from "./status.ts";

/** Every API that reaches a handler. */
export type DispatchedApi = Exclude<ApiName, "hello">;

export const handlers = {
  metadata,
  createTopics,
  deleteTopics,
  createPartitions,
  describeConfigs,
  alterConfigs,
  deleteRecords,
  produce,
  fetch,
  listOffsets,
  offsetForLeaderEpoch,
  initProducerId,
  groupHeartbeat,
  leaveGroup,
  offsetCommit,
  offsetFetch,
  offsetDelete,
  listGroups,
  describeGroups,
  deleteGroups,
  status,
} satisfies { [A in DispatchedApi]: Handler<A> };
