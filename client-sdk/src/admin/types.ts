// The shapes that the admin client takes and gives.

import type { ApiResponse } from "@brooklet/protocol";
import type { TopicPartition } from "../errors.ts";

export interface NewTopic {
  topic: string;
  /** Default: the broker's num.partitions. */
  partitions?: number;
  configs?: Record<string, string>;
}

export interface TopicDescription {
  topic: string;
  topicId: string;
  /** `sizeBytes`: the batches as they are stored. */
  partitions: { partition: number; logStartOffset: number; highWatermark: number; sizeBytes?: number }[];
}

/** One configuration, and where its value comes from: the table of defaults, a setting of the broker, or the topic. */
export interface ConfigEntry {
  name: string;
  value: string;
  source: "default" | "broker" | "topic";
}

export interface TopicConfigs {
  topic: string;
  configs: ConfigEntry[];
}

/** New values of a topic's configurations; null returns to the default. What is not named stays. */
export interface ConfigChange {
  topic: string;
  configs: Record<string, string | null>;
}

/** A member by its member id, or a static one by its `group.instance.id`. */
export interface MemberToRemove {
  memberId?: string;
  instanceId?: string;
}

/** A group with its members, committed offsets with lag, and its timeline with the reasons. */
export type GroupDescription = Omit<ApiResponse<"describeGroups">["groups"][number], "error">;

export type ListedOffset = TopicPartition & { offset: number; timestamp: number };
export type BrokerStatus = ApiResponse<"status">;
