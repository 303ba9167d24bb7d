// Clients without the SDK: frames over a bare WebSocket, HTTP requests with any header, raw bytes over TCP.

import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { connect } from "node:net";
import { decodeFrame, encodeFrame, MAX_HEADER_BYTES, WEBSOCKET_PATH, WEBSOCKET_SUBPROTOCOL } from "@brooklet/protocol";
import { WebSocket } from "ws";

export interface RawAnswer {
  readonly header: Record<string, unknown>;
  readonly payload: Uint8Array;
}

let instances = 0;

/** One WebSocket that speaks frames. Answers and events are kept in the order they came. */
export class RawSocket {
  readonly socket: WebSocket;
  readonly answers: RawAnswer[] = [];
  /** Resolves when the socket has closed. */
  readonly closed: Promise<{ code: number; reason: string }>;
  #nextId = 1;
  readonly #waiting = new Map<number, (answer: RawAnswer) => void>();

  private constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    socket.on("error", () => {});
    socket.on("message", (data) => {
      const answer = decodeFrame(data as Buffer, { maxHeaderBytes: MAX_HEADER_BYTES });
      this.answers.push(answer);
      const id = answer.header.id as number;
      this.#waiting.get(id)?.(answer);
      this.#waiting.delete(id);
    });
  }

  /** Opens a socket without saying hello; rejects when the upgrade is refused, with the status in the message. */
  static async connect(
    url: string,
    options: { path?: string; protocols?: string[]; headers?: object } = {},
  ): Promise<RawSocket> {
    const { path = WEBSOCKET_PATH, protocols = [WEBSOCKET_SUBPROTOCOL], headers = {} } = options;
    const socket = new WebSocket(`${url.replace("http", "ws")}${path}`, protocols, { headers: { ...headers } });
    const raw = new RawSocket(socket);
    await new Promise((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
    });
    return raw;
  }

  /** Opens a socket and says hello. */
  static async greeted(url: string, clientInstanceId = `raw-${++instances}`, connectionSeq = 1): Promise<RawSocket> {
    const raw = await RawSocket.connect(url);
    const { header } = await raw.hello(clientInstanceId, connectionSeq);
    if (header.error !== undefined) throw new Error(JSON.stringify(header.error));
    return raw;
  }

  hello(clientInstanceId = `raw-${++instances}`, connectionSeq = 1): Promise<RawAnswer> {
    return this.request("hello", { client: "raw", versions: [1], clientInstanceId, connectionSeq });
  }

  /** Sends a request; `id` is for cancels. */
  start(api: string, fields: object = {}, payload: Uint8Array[] = []): { id: number; answer: Promise<RawAnswer> } {
    const id = this.#nextId++;
    const answer = new Promise<RawAnswer>((resolve, reject) => {
      this.#waiting.set(id, resolve);
      void this.closed.then(({ code, reason }) => reject(new Error(`closed with ${code} ${reason}`)));
    });
    answer.catch(() => {});
    this.send(encodeFrame({ id, api, ...fields }, payload));
    return { id, answer };
  }

  request(api: string, fields: object = {}, payload: Uint8Array[] = []): Promise<RawAnswer> {
    return this.start(api, fields, payload).answer;
  }

  send(bytes: Uint8Array | string): void {
    this.socket.send(bytes);
  }

  cancel(id: number): void {
    this.send(encodeFrame({ cancel: id }));
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body as JSON; undefined if it is none. */
  readonly json: Record<string, unknown> | undefined;
}

/** One HTTP request on a connection of its own; `headers` may name any, Host included. */
export function http(
  url: string,
  path: string,
  options: {
    method?: string;
    headers?: Record<string, string | string[]>;
    body?: Uint8Array | string;
    signal?: AbortSignal;
  } = {},
): Promise<HttpAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        hostname,
        port,
        path,
        agent: false,
        method: options.method ?? (options.body === undefined ? "GET" : "POST"),
        ...(options.headers === undefined ? {} : { headers: options.headers }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const body = Buffer.concat(chunks);
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body, json: parsed(body) });
        });
      },
    );
    request.on("error", reject);
    request.end(options.body);
  });
}

function parsed(body: Buffer): Record<string, unknown> | undefined {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

/** POSTs JSON. */
export function postJson(url: string, path: string, body: unknown): Promise<HttpAnswer> {
  return http(url, path, { headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

/** Sends bytes over TCP and gives what came back until the other side closed. */
export function rawTcp(url: string, bytes: string | Uint8Array): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", () => {});
    socket.on("close", () => resolve(Buffer.concat(chunks).toString("latin1")));
  });
}

/** Waits until the condition holds; real time, for tests over real sockets. */
export async function until(condition: () => boolean | Promise<boolean>, what: string, maxMs = 10_000): Promise<void> {
  const deadlineMs = performance.now() + maxMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`${what} does not hold after ${maxMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
