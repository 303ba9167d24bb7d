// A reader of server-sent events over plain HTTP, as a browser's EventSource keeps its books: fields, last event id, comments.

import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";

export interface SeenEvent {
  readonly event: string;
  readonly data: string;
  readonly id: string;
}

export class EventReader {
  readonly events: SeenEvent[] = [];
  readonly comments: string[] = [];
  lastEventId = "";
  retryMs: number | undefined;
  status = 0;
  contentType: string | undefined;
  /** Of an answer that is no stream. */
  body = "";
  ended = false;
  readonly #request: ClientRequest;
  #response: IncomingMessage | undefined;
  #rest = "";
  #fields = new Map<string, string>();

  constructor(url: string, path: string, lastEventId?: string) {
    const headers = {
      accept: "text/event-stream",
      ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
    };
    this.#request = httpRequest(`${url}${path}`, { agent: false, headers }, (response) => {
      this.#response = response;
      this.status = response.statusCode ?? 0;
      this.contentType = response.headers["content-type"];
      response.setEncoding("utf8");
      response.on("data", (text: string) => this.#read(text));
      response.on("close", () => {
        this.ended = true;
      });
    });
    this.#request.on("error", () => {
      this.ended = true;
    });
    this.#request.end();
  }

  /** What came with data, parsed. */
  get records(): Record<string, unknown>[] {
    return this.events.filter(({ event }) => event === "message").map(({ data }) => JSON.parse(data));
  }

  pause(): void {
    this.#response?.pause();
  }

  resume(): void {
    this.#response?.resume();
  }

  close(): void {
    this.#request.destroy();
  }

  #read(text: string): void {
    if (this.contentType !== "text/event-stream") {
      this.body += text;
      return;
    }
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") this.#dispatch();
      else if (line.startsWith(":")) this.comments.push(line.slice(1).trim());
      else {
        const at = line.indexOf(":");
        this.#fields.set(line.slice(0, at), line.slice(at + 1).replace(/^ /, ""));
      }
    }
  }

  #dispatch(): void {
    const fields = this.#fields;
    this.#fields = new Map();
    this.lastEventId = fields.get("id") ?? this.lastEventId;
    if (fields.has("retry")) this.retryMs = Number(fields.get("retry"));
    const data = fields.get("data");
    if (data !== undefined) this.events.push({ event: fields.get("event") ?? "message", data, id: this.lastEventId });
  }
}
