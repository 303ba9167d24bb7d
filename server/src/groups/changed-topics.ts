// Topics that came, went or grew since the open turn began. Groups look at them once a turn, all together: a broker has ten
// thousands of both, and a request may create or delete ten thousand topics.

import { abridged } from "./partitions.ts";

type TopicChange = "created" | "deleted" | "extended";

export class ChangedTopics {
  readonly #changes = new Map<string, Set<TopicChange>>();

  get size(): number {
    return this.#changes.size;
  }

  add(topic: string, change: TopicChange): void {
    const changes = this.#changes.get(topic);
    if (changes === undefined) this.#changes.set(topic, new Set([change]));
    else changes.add(change);
  }

  /** Why a group that subscribes to these has to look again; undefined: nothing of it concerns the group. */
  reasonFor(subscribed: ReadonlySet<string>, isMatched: (topic: string) => boolean): string | undefined {
    const concerned = new Set<string>();
    const [fewer, more] =
      subscribed.size < this.#changes.size ? [subscribed, this.#changes] : [this.#changes, subscribed];
    for (const topic of fewer.keys()) if (more.has(topic)) concerned.add(topic);
    for (const topic of this.#changes.keys()) if (isMatched(topic)) concerned.add(topic);
    if (concerned.size === 0) return undefined;
    const told = [...concerned].map(
      (topic) => `topic ${topic} was ${[...(this.#changes.get(topic) ?? [])].join(" and ")}`,
    );
    return abridged(told);
  }

  clear(): void {
    this.#changes.clear();
  }
}
