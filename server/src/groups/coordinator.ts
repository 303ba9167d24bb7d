// The group coordinator: the only part of groups/ that touches clock, turns and connections. Facade of this folder.

import type { ApiRequest, ApiResponse } from "@brooklet/protocol";
import type { Peer } from "../peer.ts";
import type { GroupLags } from "./lag.ts";

export interface GroupCoordinator {
  /** Answered when what the answer shows is durable (hard place 3). Starts synchronously. */
  heartbeat(request: ApiRequest<"groupHeartbeat">, peer: Peer): Promise<ApiResponse<"groupHeartbeat">>;
  /** Judged and staged in one synchronous step; resolves when durable. */
  commitOffsets(request: ApiRequest<"offsetCommit">): Promise<ApiResponse<"offsetCommit">["results"]>;
  /** Waits for commits already staged for its partitions. */
  fetchOffsets(request: ApiRequest<"offsetFetch">): Promise<ApiResponse<"offsetFetch">["offsets"]>;
  /** Each by itself; resolves when durable. */
  deleteGroups(groupIds: readonly string[]): Promise<ApiResponse<"deleteGroups">["results"]>;
  deleteOffsets(request: ApiRequest<"offsetDelete">): Promise<ApiResponse<"offsetDelete">["results"]>;
  /** Members leave by somebody else's word, static ones too. */
  removeMembers(request: ApiRequest<"leaveGroup">): Promise<ApiResponse<"leaveGroup">["results"]>;
  /** The client object has a WebSocket (again). */
  clientConnected(clientInstanceId: string): void;
  /** Its last WebSocket has closed, not because a newer one took over and not by the broker's stop. */
  clientDisconnected(clientInstanceId: string): void;
  list(): ApiResponse<"listGroups">["groups"];
  /** Without `lagSeconds`, which must be looked up. */
  describe(groupIds: readonly string[]): ApiResponse<"describeGroups">["groups"];
  /** The same groups with `lagSeconds`, for at most 1,000 partitions that are behind. */
  withLagSeconds(groups: ApiResponse<"describeGroups">["groups"]): Promise<ApiResponse<"describeGroups">["groups"]>;
  /** How far groups are behind, by committed offset: at most 10,000 of them, 1,000 with seconds. */
  lags(max: number): Promise<GroupLags>;
  readonly groupCount: number;
  /** Of every stored group, looked at as the iteration comes to it. */
  memberCounts(): Iterable<{ readonly groupId: string; readonly members: number }>;
  /** New epochs of all groups since the broker started, by what brought them about. */
  rebalances(): Iterable<readonly [reason: string, count: number]>;
  /** The listener is open: deadlines start afresh (hard place 4). */
  start(): void;
  /** Rejects reads that wait with BROKER_NOT_AVAILABLE, heartbeats with KAFKA_STORAGE_ERROR (unknown); leaves no timer. */
  close(): void;
}
