// Topics that came, went or grew since the open turn began. Groups look at them once a turn, all together: a broker has ten
// thousands of both, and a request may create or delete ten thousand topics.

import { abridged } from "./partitions.ts";

type TopicChange = "created" | "deleted" | "extended";

export class ChangedTopics {
  readonly #changes = new Map<string, Set<TopicChange>>();
  /** By pattern. */
  readonly #matched = new Map<string, readonly string[]>();

  get size(): number {
    return this.#changes.size;
  }

  add(topic: string, change: TopicChange): void {
    this.#matched.clear();
    const changes = this.#changes.get(topic);
    if (changes === undefined) this.#changes.set(topic, new Set([change]));
    else changes.add(change);
  }

  /**
   * Why a group that subscribes to these names and patterns has to look again; undefined: nothing concerns it. A pattern is
   * held against the topics once, however many groups use it.
   */
  reasonFor(
    { subscribed, patterns }: { readonly subscribed: ReadonlySet<string>; readonly patterns: ReadonlySet<string> },
    matches: (pattern: string, topic: string) => boolean,
  ): string | undefined {
    const concerned = new Set<string>();
    const [fewer, more] =
      subscribed.size < this.#changes.size ? [subscribed, this.#changes] : [this.#changes, subscribed];
    for (const topic of fewer.keys()) if (more.has(topic)) concerned.add(topic);
    for (const pattern of patterns) for (const topic of this.#matchedBy(pattern, matches)) concerned.add(topic);
    if (concerned.size === 0) return undefined;
    const told = [...concerned].map(
      (topic) => `topic ${topic} was ${[...(this.#changes.get(topic) ?? [])].join(" and ")}`,
    );
    return abridged(told);
  }

  #matchedBy(pattern: string, matches: (pattern: string, topic: string) => boolean): readonly string[] {
    const known = this.#matched.get(pattern);
    if (known !== undefined) return known;
    const matched = [...this.#changes.keys()].filter((topic) => matches(pattern, topic));
    this.#matched.set(pattern, matched);
    return matched;
  }

  clear(): void {
    this.#changes.clear();
    this.#matched.clear();
  }
}
