// Real processes for tests over several of them: the broker as the command starts it, and consumers. Each ends with its
// test by its own process id (child.ts).

import { fileURLToPath } from "node:url";
import type { ConsumerConfig } from "@brooklet/client";
import { type Child, startProgram, startScript } from "../child.ts";
import type { ConsumerTask, Delivery, FromConsumer, ToConsumer } from "./messages.ts";

const COMMAND = fileURLToPath(new URL("../../../cli/bin/brooklet.js", import.meta.url));

export interface BrokerProcess {
  readonly child: Child;
  readonly url: string;
  readonly port: number;
  /** For bootstrap.servers. */
  readonly server: string;
  /** Ends it and waits; returns the exit code or the signal's name. */
  end(signal: NodeJS.Signals): Promise<number | string>;
}

export interface BrokerSetup {
  readonly data: string;
  /** Default: a free one. */
  readonly port?: number;
  readonly durability?: "disk" | "process";
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** Of Node's old generation: garbage is collected before memory grows beyond it. Default: Node's. */
  readonly maxHeapMib?: number;
}

/** Starts `brooklet serve`; resolves when it says that it is ready. */
export async function startBrokerProcess({
  data,
  port = 0,
  durability = "disk",
  settings = {},
  maxHeapMib,
}: BrokerSetup): Promise<BrokerProcess> {
  const sets = Object.entries(settings).flatMap(([name, value]) => ["--set", `${name}=${value}`]);
  const child = startProgram(
    process.execPath,
    [
      ...(maxHeapMib === undefined ? [] : [`--max-old-space-size=${maxHeapMib}`]),
      ...[COMMAND, "serve", "--data", data, "--port", `${port}`],
      ...["--durability", durability, "--log-level", "error", ...sets],
    ],
    { keepsErrors: true },
  );
  const said = await child.line((line) => /^\s+url\s/.test(line));
  const url = said.trim().split(/\s+/)[1] ?? "";
  await child.line((line) => /^\s+try it\s/.test(line));
  const { host, port: taken } = new URL(url);
  return {
    child,
    url,
    port: Number(taken),
    server: host,
    end: async (signal) => {
      child.kill(signal);
      return await child.exited;
    },
  };
}

/** A consumer process, with everything that it has said. */
export class ConsumerProcess {
  readonly child: Child;
  #parsed: FromConsumer[] = [];

  constructor(
    config: ConsumerConfig<string, string>,
    topics: readonly string[],
    { commitEveryPolls = 0 }: { commitEveryPolls?: number } = {},
  ) {
    const task: ConsumerTask = { config, topics, commitEveryPolls };
    this.child = startScript("./consumer.ts", import.meta.url, [JSON.stringify(task)]);
  }

  get messages(): readonly FromConsumer[] {
    const { lines } = this.child;
    for (let at = this.#parsed.length; at < lines.length; at++) {
      this.#parsed.push(JSON.parse(lines[at] ?? "") as FromConsumer);
    }
    return this.#parsed;
  }

  of<K extends FromConsumer["kind"]>(kind: K): Extract<FromConsumer, { kind: K }>[] {
    return this.messages.filter((message): message is Extract<FromConsumer, { kind: K }> => message.kind === kind);
  }

  get memberId(): string {
    return this.of("started")[0]?.memberId ?? "";
  }

  /** Everything delivered so far, in the order of delivery. */
  get deliveries(): Delivery[] {
    return this.of("records").flatMap(({ records }) => records);
  }

  /** The partitions that it holds, as its listener was told; in order. */
  get partitions(): number[] {
    const held = new Set<number>();
    for (const message of this.messages) {
      if (message.kind === "assigned") for (const partition of message.partitions) held.add(partition);
      if (message.kind === "revoked" || message.kind === "lost") {
        for (const partition of message.partitions) held.delete(partition);
      }
    }
    return [...held].sort((left, right) => left - right);
  }

  tell(order: ToConsumer): void {
    this.child.tell(JSON.stringify(order));
  }

  /** It commits nothing, leaves the group, and the process ends by itself. */
  async close(): Promise<number | string> {
    this.tell({ do: "close" });
    return await this.child.exited;
  }
}
