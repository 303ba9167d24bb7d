// What a topic's configurations come to: each from the topic itself, else from the broker's setting, else Kafka's default.
// Typed, ready to be obeyed at the next append or retention pass; replaced whole when a topic is altered.

import type { Settings } from "../settings.ts";
import { topicConfigDefinitions } from "./topic-configs.ts";

/** The effective configuration of a topic, as far as the broker acts on it. */
export interface TopicRules {
  /** cleanup.policy names delete: records expire. False for an empty policy and for compact alone. */
  readonly deletes: boolean;
  /** cleanup.policy names compact (only __consumer_offsets so far, which is not compacted yet). */
  readonly compacts: boolean;
  /** -1: for ever. */
  readonly retentionMs: number;
  /** Of one partition; -1: any number. */
  readonly retentionBytes: number;
  readonly segmentBytes: number;
  readonly segmentMs: number;
  /** Of one encoded batch. */
  readonly maxMessageBytes: number;
  readonly timestampType: "CreateTime" | "LogAppendTime";
  /** How far before and after the broker's clock a CreateTime may lie. */
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
}

export type TopicConfigs = Readonly<Record<string, string>>;

export interface EffectiveConfig {
  readonly value: string;
  /** The table, the broker (only where its setting is not the default), or the topic. */
  readonly source: "default" | "broker" | "topic";
}

/** One configuration of a topic as it is in force. `name` is one of the table's. */
export function effectiveConfig(configs: TopicConfigs, settings: Settings, name: string): EffectiveConfig {
  // `configs` may come from JSON: only its own keys count.
  const own = Object.hasOwn(configs, name) ? configs[name] : undefined;
  if (own !== undefined) return { value: own, source: "topic" };
  const definition = topicConfigDefinitions.get(name);
  const byDefault = definition?.default ?? "";
  if (definition?.setting === undefined) return { value: byDefault, source: "default" };
  const setting = String(settings[definition.setting]);
  // The largest safe integer stands for Java's largest long.
  return numberOf(setting) === numberOf(byDefault) && typeof settings[definition.setting] === "number"
    ? { value: byDefault, source: "default" }
    : { value: setting, source: setting === byDefault ? "default" : "broker" };
}

/** Numbers beyond a safe integer, as Java's largest long, count as the largest. */
function numberOf(value: string): number {
  return Math.min(Number(value), Number.MAX_SAFE_INTEGER);
}

/** Computes rules; topics without configurations share one object. */
export class TopicRuleBook {
  readonly #settings: Settings;
  readonly #plain: TopicRules;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#plain = this.#compute({});
  }

  of(configs: TopicConfigs): TopicRules {
    return Object.keys(configs).length === 0 ? this.#plain : this.#compute(configs);
  }

  #compute(configs: TopicConfigs): TopicRules {
    const text = (name: string) => effectiveConfig(configs, this.#settings, name).value;
    const number = (name: string) => numberOf(text(name));
    const policies = text("cleanup.policy")
      .split(",")
      .map((policy) => policy.trim());
    return {
      deletes: policies.includes("delete"),
      compacts: policies.includes("compact"),
      retentionMs: number("retention.ms"),
      retentionBytes: number("retention.bytes"),
      segmentBytes: number("segment.bytes"),
      segmentMs: number("segment.ms"),
      maxMessageBytes: number("max.message.bytes"),
      timestampType: text("message.timestamp.type") === "LogAppendTime" ? "LogAppendTime" : "CreateTime",
      timestampBeforeMaxMs: number("message.timestamp.before.max.ms"),
      timestampAfterMaxMs: number("message.timestamp.after.max.ms"),
    };
  }
}
