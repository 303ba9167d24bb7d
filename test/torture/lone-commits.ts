// Commits of a group without members. Living members commit again at once after a restart and would cover what went back; here
// nobody does: what is found is what was acknowledged last, or what was asked for when the broker was killed.

import { Admin, BrookletError } from "@brooklet/client";

const PARTITIONS = 4;

export class LoneCommits {
  readonly #admin: Admin;
  readonly #topic: string;
  readonly #groupId = "nobody";
  readonly #acknowledged = new Map<number, number>();
  #asked: { readonly partition: number; readonly offset: number } | undefined;
  #isPaused = true;
  #work: Promise<void> = Promise.resolve();
  #offset = 0;

  constructor(config: ConstructorParameters<typeof Admin>[0], topic: string) {
    // Not repeated by the client beyond its time: what was on its way at the kill stays in doubt.
    this.#admin = new Admin({ ...config, "default.api.timeout.ms": 1_000, "request.timeout.ms": 1_000 });
    this.#topic = topic;
  }

  /** Goes on committing, without end. */
  resume(): void {
    this.#isPaused = false;
    this.#work = this.#run();
    this.#work.catch(() => {});
  }

  /** Commits nothing more; resolves when the last one is decided. Call it before the kill, await it after. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    await this.#work;
  }

  async verify(admin: Admin): Promise<void> {
    const found = await admin.listGroupOffsets(this.#groupId);
    for (const [partition, acknowledged] of this.#acknowledged) {
      const offset = found.find((one) => one.partition === partition)?.offset;
      const inDoubt = this.#asked?.partition === partition ? this.#asked.offset : acknowledged;
      if (offset !== acknowledged && offset !== inDoubt)
        throw new Error(`nobody: ${partition} was committed at ${acknowledged} (in doubt: ${inDoubt}), now ${offset}`);
      this.#acknowledged.set(partition, offset);
    }
    this.#asked = undefined;
  }

  close(): Promise<void> {
    return this.#admin.close();
  }

  async #run(): Promise<void> {
    while (!this.#isPaused) {
      const asked = { topic: this.#topic, partition: this.#offset % PARTITIONS, offset: ++this.#offset };
      this.#asked = asked;
      try {
        await this.#admin.alterGroupOffsets(this.#groupId, [asked]);
      } catch (error) {
        if (!BrookletError.is(error)) throw error;
        // In doubt: it stays the one that was asked for last.
        return;
      }
      this.#acknowledged.set(asked.partition, asked.offset);
      this.#asked = undefined;
    }
  }
}
