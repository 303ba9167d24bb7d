// All APIs, in one table: the broker's handlers, the validators, the documents and the SDK's types follow it.

import { alterConfigs } from "./alter-configs.ts";
import type { RequestOf, ResponseOf } from "./api.ts";
import { createPartitions } from "./create-partitions.ts";
import { createTopics } from "./create-topics.ts";
import { deleteGroups } from "./delete-groups.ts";
import { deleteRecords } from "./delete-records.ts";
import { deleteTopics } from "./delete-topics.ts";
import { describeConfigs } from "./describe-configs.ts";
import { describeGroups } from "./describe-groups.ts";
import { fetch } from "./fetch.ts";
import { groupHeartbeat } from "./group-heartbeat.ts";
import { hello } from "./hello.ts";
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

export const apis = {
  hello,
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
} as const;

export type Apis = typeof apis;
export type ApiName = keyof Apis;
/** The header fields of a request, without `id` and `api`. */
export type ApiRequest<A extends ApiName> = RequestOf<Apis[A]>;
/** The header fields of an answer, without `id`. */
export type ApiResponse<A extends ApiName> = ResponseOf<Apis[A]>;

export function isApiName(name: string): name is ApiName {
  return Object.hasOwn(apis, name);
}
