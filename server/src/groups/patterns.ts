// Which topics match the members' patterns: RE2 expressions, evaluated by the broker over whole names (Kafka's
// SubscriptionPattern and TopicRegexResolver). Linear time by re2js, but linear is not nothing: ten thousand topics and an
// unkind pattern take a second. So work is done in slices of a few milliseconds, each name and pattern once; a pattern's
// matches are known when all names were tried, and until then whatever matched last counts.
//
// Invariant: no call works longer than SLICE_MS and one evaluation; what is in memory is bounded by MAX_PATTERNS and
// MAX_COMPILED. Internal topics match nothing.

import { ProtocolError } from "@brooklet/protocol";
import type { Clock } from "@brooklet/protocol/world";
import { RE2JS } from "re2js";
import type { TopicCatalog } from "../log/log.ts";

/** How long evaluations keep the event loop at a time. */
const SLICE_MS = 5;
/** Fewer names in a whole slice mean that the engine does not like the pattern: the other one is tried, a few times in turn. */
const SLOW_NAMES_PER_SLICE = 250;
const TRIALS = 6;
/** Different patterns in the broker. */
const MAX_PATTERNS = 1_000;
/** Compiled patterns that are kept: each may have megabytes of cached states. */
const MAX_COMPILED = 32;
/**
 * A compiled pattern has about as many instructions as characters, unless repetitions multiply it: so many more than
 * group.max.pattern.length are taken.
 */
const MORE_INSTRUCTIONS = 64;

const RE2_HINT =
  "Patterns are RE2 expressions over the whole topic name: no backreferences, no lookaround, repetitions up to 1000.";

/** What groups know of patterns. */
export interface PatternMatches {
  /** Throws INVALID_REGULAR_EXPRESSION, or COORDINATOR_NOT_AVAILABLE when the broker has too many patterns. */
  check(pattern: string): void;
  /** The topics that match, sorted; the same list while they are the same. Undefined: not all were tried yet. */
  matchesOf(pattern: string): readonly string[] | undefined;
}

/**
 * re2js has two engines with the same answers. The automaton is fast where few states are enough, and rebuilds them without end
 * where they are not; the backtracker remembers where it was, so that it is bounded by name times pattern, and never fast.
 */
type Engine = "automaton" | "backtracker";

interface Followed {
  readonly pattern: string;
  engine: Engine;
  /** Names in the best slice of each engine that was slow, and how many slow slices there were. */
  readonly best: Record<Engine, number>;
  trials: number;
  /** Groups that use it. */
  users: number;
  readonly names: Set<string>;
  /** `names` in order; undefined when they have changed. */
  sorted: readonly string[] | undefined;
  /** Every topic was tried once. */
  known: boolean;
  /** Names that are to be tried, from `next` on; patterns share the list. */
  pending: readonly string[];
  next: number;
  /** Those that came since, to be tried after them. */
  added: string[];
}

export interface PatternsParts {
  readonly catalog: Pick<TopicCatalog, "all" | "byName">;
  readonly clock: Clock;
  /** group.max.pattern.length. */
  readonly maxLength: number;
  /** The matches of these patterns became known or changed, outside of any call. */
  readonly onMatched: (patterns: ReadonlySet<string>) => void;
}

export class Patterns implements PatternMatches {
  readonly #parts: PatternsParts;
  readonly #followed = new Map<string, Followed>();
  readonly #usedBy = new Map<string, ReadonlySet<string>>();
  /** Least recently used first. */
  readonly #compiled = new Map<string, RE2JS>();
  /** The names of all topics; undefined when they have changed. */
  #allNames: readonly string[] | undefined;
  /** Patterns with names to try, in turns. */
  readonly #queue = new Set<Followed>();
  #isOpen = false;
  #sliceIsDue = false;

  constructor(parts: PatternsParts) {
    this.#parts = parts;
  }

  /** From now on names are tried; before, what the store says counts. */
  start(): void {
    this.#isOpen = true;
    if (this.#queue.size > 0) this.#later();
  }

  close(): void {
    this.#isOpen = false;
    this.#queue.clear();
  }

  /** Different patterns in use. */
  get size(): number {
    return this.#followed.size;
  }

  check(pattern: string): void {
    if (this.#followed.has(pattern)) return;
    const { maxLength } = this.#parts;
    if (pattern.length > maxLength)
      throw new ProtocolError(
        "INVALID_REGULAR_EXPRESSION",
        `the pattern has ${pattern.length} characters; group.max.pattern.length is ${maxLength}`,
        { hint: RE2_HINT },
      );
    const size = this.#compile(pattern).programSize();
    const maxSize = maxLength + MORE_INSTRUCTIONS;
    if (size > maxSize) {
      this.#compiled.delete(pattern);
      throw new ProtocolError(
        "INVALID_REGULAR_EXPRESSION",
        `the pattern ${shown(pattern)} compiles to ${size} instructions; at most ${maxSize} are taken`,
        { hint: "Repetitions multiply: use smaller counts, or raise group.max.pattern.length, which sets the bound." },
      );
    }
    if (this.#followed.size >= MAX_PATTERNS)
      throw new ProtocolError(
        "COORDINATOR_NOT_AVAILABLE",
        `the broker follows ${this.#followed.size} different patterns, as many as it can`,
        { hint: "Let groups share patterns, or subscribe by name." },
      );
  }

  matchesOf(pattern: string): readonly string[] | undefined {
    const followed = this.#followed.get(pattern);
    if (followed === undefined || !followed.known) return undefined;
    followed.sorted ??= [...followed.names].sort();
    return followed.sorted;
  }

  /** Whether the topic is known to match. */
  matches(pattern: string, topic: string): boolean {
    return this.#followed.get(pattern)?.names.has(topic) ?? false;
  }

  /** The patterns of a group, all of them; those that nobody uses any more are forgotten. */
  use(groupId: string, patterns: ReadonlySet<string>): void {
    const before = this.#usedBy.get(groupId);
    if (before === patterns || (before === undefined && patterns.size === 0)) return;
    if (patterns.size === 0) this.#usedBy.delete(groupId);
    else this.#usedBy.set(groupId, patterns);
    for (const pattern of patterns) if (before === undefined || !before.has(pattern)) this.#follow(pattern);
    for (const pattern of before ?? []) if (!patterns.has(pattern)) this.#unfollow(pattern);
    this.#workNow();
  }

  topicCreated({ topic, internal }: { readonly topic: string; readonly internal: boolean }): void {
    if (internal) return;
    this.#allNames = undefined;
    for (const followed of this.#followed.values()) {
      followed.added.push(topic);
      this.#queue.add(followed);
    }
    this.#workNow();
  }

  /** A name that waits is looked up when its turn comes. */
  topicDeleted({ topic }: { readonly topic: string }): void {
    this.#allNames = undefined;
    for (const followed of this.#followed.values()) if (followed.names.delete(topic)) followed.sorted = undefined;
  }

  #follow(pattern: string): void {
    const known = this.#followed.get(pattern);
    if (known !== undefined) {
      known.users += 1;
      return;
    }
    this.#allNames ??= [...this.#parts.catalog.all()].flatMap(({ topic, internal }) => (internal ? [] : topic));
    const followed: Followed = {
      pattern,
      engine: "automaton",
      best: { automaton: 0, backtracker: 0 },
      trials: 0,
      users: 1,
      names: new Set(),
      sorted: undefined,
      known: false,
      pending: this.#allNames,
      next: 0,
      added: [],
    };
    this.#followed.set(pattern, followed);
    this.#queue.add(followed);
  }

  #unfollow(pattern: string): void {
    const followed = this.#followed.get(pattern);
    if (followed === undefined) return;
    followed.users -= 1;
    if (followed.users > 0) return;
    this.#followed.delete(pattern);
    this.#queue.delete(followed);
    this.#compiled.delete(pattern);
  }

  /** Whoever calls reads the matches himself; what does not fit into a slice is told by `onMatched`. */
  #workNow(): void {
    if (this.#isOpen && !this.#sliceIsDue) this.#work();
  }

  #later(): void {
    if (this.#sliceIsDue) return;
    this.#sliceIsDue = true;
    this.#parts.clock.defer(() => {
      this.#sliceIsDue = false;
      if (!this.#isOpen) return;
      const changed = this.#work();
      if (changed.size > 0) this.#parts.onMatched(changed);
    });
  }

  /** One slice; returns the patterns whose matches changed. */
  #work(): Set<string> {
    const { clock } = this.#parts;
    const endMs = clock.nowMs() + SLICE_MS;
    const changed = new Set<string>();
    for (const followed of this.#queue) {
      this.#queue.delete(followed);
      if (this.#tryNames(followed, endMs)) changed.add(followed.pattern);
      if (clock.nowMs() >= endMs) break;
    }
    if (this.#queue.size > 0) this.#later();
    return changed;
  }

  /** Returns whether what `matchesOf` says has changed. */
  #tryNames(followed: Followed, endMs: number): boolean {
    const { clock, catalog } = this.#parts;
    const expression = this.#compile(followed.pattern);
    const matches =
      followed.engine === "automaton"
        ? (name: string) => expression.testExact(name)
        : (name: string) => expression.matcher(name).matches();
    let tried = 0;
    let changed = false;
    for (let name = nextName(followed); name !== undefined; name = nextName(followed)) {
      tried += 1;
      if (catalog.byName(name) !== undefined && !followed.names.has(name) && matches(name)) {
        followed.names.add(name);
        followed.sorted = undefined;
        changed = true;
      }
      if (clock.nowMs() >= endMs && hasNames(followed)) {
        this.#queue.add(followed);
        this.#judgeEngine(followed, tried);
        return followed.known && changed;
      }
    }
    changed ||= !followed.known;
    followed.known = true;
    return changed;
  }

  /** Its slice ended after so many names. */
  #judgeEngine(followed: Followed, names: number): void {
    if (names >= SLOW_NAMES_PER_SLICE || followed.trials === TRIALS) return;
    const { best, engine } = followed;
    best[engine] = Math.max(best[engine], names);
    followed.trials += 1;
    const other = engine === "automaton" ? "backtracker" : "automaton";
    if (followed.trials < TRIALS) followed.engine = other;
    else followed.engine = best.automaton > best.backtracker ? "automaton" : "backtracker";
    // What the automaton has built up is not needed any more.
    if (followed.engine === "backtracker") this.#compiled.delete(followed.pattern);
  }

  #compile(pattern: string): RE2JS {
    const known = this.#compiled.get(pattern);
    if (known !== undefined) {
      this.#compiled.delete(pattern);
      this.#compiled.set(pattern, known);
      return known;
    }
    let compiled: RE2JS;
    try {
      compiled = RE2JS.compile(pattern);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ProtocolError("INVALID_REGULAR_EXPRESSION", `the pattern ${shown(pattern)} is not RE2: ${reason}`, {
        hint: RE2_HINT,
        cause: error,
      });
    }
    this.#compiled.set(pattern, compiled);
    for (const oldest of this.#compiled.keys()) {
      if (this.#compiled.size <= MAX_COMPILED) break;
      this.#compiled.delete(oldest);
    }
    return compiled;
  }
}

function hasNames({ pending, next, added }: Followed): boolean {
  return next < pending.length || added.length > 0;
}

function nextName(followed: Followed): string | undefined {
  if (!hasNames(followed)) return undefined;
  if (followed.next === followed.pending.length) {
    followed.pending = followed.added;
    followed.added = [];
    followed.next = 0;
  }
  return followed.pending[followed.next++];
}

const MAX_SHOWN = 80;

/** A pattern as texts show it. */
export function shown(pattern: string): string {
  return JSON.stringify(pattern.length > MAX_SHOWN ? `${pattern.slice(0, MAX_SHOWN)}…` : pattern);
}
