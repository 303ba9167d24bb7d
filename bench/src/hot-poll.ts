// The hot poll path: `POST /v1/fetch` of one partition, answered from memory, guard, limits and validation on, against a
// bare Fastify route that moves the same bytes; alternating A B A B in one run, both warmed up, each in its own process.

import { decodeFrame, encodeBatch, encodeFrame, FRAME_CONTENT_TYPE, MAX_HEADER_BYTES } from "@brooklet/protocol";
import autocannon from "autocannon";
import { Program } from "./processes.ts";
import { type Spread, spread } from "./statistics.ts";
import { hasWrk, wrk } from "./wrk.ts";

const CONNECTIONS = 10;
const SIZES = [1024, 16 * 1024, 64 * 1024];
/** Node adds these by itself; the baseline's Node does too. */
const OWN_HEADERS = ["date", "connection", "keep-alive", "content-length", "transfer-encoding"];

export interface HotPollOptions {
  readonly rounds: number;
  readonly seconds: number;
  /** Both sides compiled, and their sockets' buffers grown, before anything counts. */
  readonly warmUpSeconds: number;
}

interface Side {
  readonly requestsPerSecond: Spread;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  /** Processor time of the program under test; says more than rates where the machine is busy. */
  readonly cpuMicrosecondsPerRequest: Spread;
}

export interface HotPollRow {
  readonly tool: "autocannon" | "wrk";
  readonly answerBytes: number;
  readonly brooklet: Side;
  readonly fastify: Side;
  /** brooklet's requests per second by Fastify's, round by round. */
  readonly ratio: Spread;
  /** Fastify's processor time per request by brooklet's. */
  readonly cpuRatio: Spread;
}

interface Sample {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

type Load = (url: string, body: Buffer, seconds: number) => Promise<Sample>;

const loads: Readonly<Record<HotPollRow["tool"], Load>> = {
  async autocannon(url, body, seconds) {
    const result = await autocannon({
      url,
      method: "POST",
      headers: { "content-type": FRAME_CONTENT_TYPE },
      body,
      connections: CONNECTIONS,
      duration: seconds,
    });
    const failed = result.non2xx + result.errors + result.timeouts;
    if (failed > 0 || result["2xx"] === 0)
      throw new Error(`${url}: ${failed} of ${result.requests.total} requests failed; the figures would be of errors`);
    const { average, total } = result.requests;
    return { requests: total, requestsPerSecond: average, p50Ms: result.latency.p50, p99Ms: result.latency.p99 };
  },
  wrk: (url, body, seconds) => wrk(url, body, FRAME_CONTENT_TYPE, CONNECTIONS, seconds),
};

async function post(url: string, header: object, payload: Uint8Array[] = []): Promise<Response> {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": FRAME_CONTENT_TYPE },
    body: encodeFrame(header, payload),
  });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${(await answer.text()).slice(0, 300)}`);
  return answer;
}

/** One topic with one batch of about `bytes`; the request that fetches it, and its answer. */
async function prepare(broker: Program, bytes: number) {
  const topic = `poll-${bytes}`;
  await post(`${broker.url}/v1/createTopics`, { topics: [{ topic, partitions: 1 }] });
  const batch = encodeBatch([{ key: null, value: Buffer.alloc(bytes - 80, "x"), headers: [], timestamp: 0 }]);
  const produced = await post(
    `${broker.url}/v1/produce`,
    { acks: -1, partitions: [{ topic, partition: 0, bytes: batch.length }] },
    [batch],
  );
  const { header } = decodeFrame(new Uint8Array(await produced.arrayBuffer()), { maxHeaderBytes: MAX_HEADER_BYTES });
  if (JSON.stringify(header).includes('"error"')) throw new Error(`produce failed: ${JSON.stringify(header)}`);
  const request = {
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes: 1024 * 1024,
    isolation: "read_uncommitted",
    partitions: [{ topic, partition: 0, offset: 0 }],
  };
  const url = `${broker.url}/v1/fetch`;
  const answer = await post(url, request);
  const body = new Uint8Array(await answer.arrayBuffer());
  const { payload } = decodeFrame(body, { maxHeaderBytes: MAX_HEADER_BYTES });
  if (payload.length !== batch.length) throw new Error(`the fetch answered ${payload.length} bytes of records`);
  const headers = Object.fromEntries([...answer.headers].filter(([name]) => !OWN_HEADERS.includes(name)));
  return { request: Buffer.from(encodeFrame(request)), headers, body };
}

interface MeasuredSample extends Sample {
  readonly cpuMicrosecondsPerRequest: number;
}

async function measure(program: Program, load: Load, body: Buffer, seconds: number): Promise<MeasuredSample> {
  const before = await program.cpuMicroseconds();
  const sample = await load(`${program.url}/v1/fetch`, body, seconds);
  const used = (await program.cpuMicroseconds()) - before;
  return { ...sample, cpuMicrosecondsPerRequest: used / sample.requests };
}

function side(samples: readonly MeasuredSample[]): Side {
  return {
    cpuMicrosecondsPerRequest: spread(samples.map((sample) => sample.cpuMicrosecondsPerRequest)),
    requestsPerSecond: spread(samples.map((sample) => sample.requestsPerSecond)),
    p50Ms: spread(samples.map((sample) => sample.p50Ms)),
    p99Ms: spread(samples.map((sample) => sample.p99Ms)),
  };
}

/** One row per answer size and tool. */
export async function hotPoll(options: HotPollOptions, progress: (text: string) => void): Promise<HotPollRow[]> {
  const tools: HotPollRow["tool"][] = (await hasWrk()) ? ["autocannon", "wrk"] : ["autocannon"];
  if (tools.length === 1) progress("wrk is not installed: only autocannon, which saturates first from 16 KiB on");
  const rows: HotPollRow[] = [];
  await using broker = await Program.start({ kind: "broker", durability: "memory" });
  for (const bytes of SIZES) {
    const { request, headers, body } = await prepare(broker, bytes);
    await using baseline = await Program.start({
      kind: "baseline",
      requestType: FRAME_CONTENT_TYPE,
      headers,
      bodyBase64: Buffer.from(body).toString("base64"),
    });
    for (const tool of tools) {
      const load = loads[tool];
      await measure(broker, load, request, options.warmUpSeconds);
      await measure(baseline, load, request, options.warmUpSeconds);
      const ours: MeasuredSample[] = [];
      const theirs: MeasuredSample[] = [];
      for (let round = 0; round < options.rounds; round++) {
        progress(`hot poll ${bytes} B, ${tool}, round ${round + 1} of ${options.rounds}`);
        ours.push(await measure(broker, load, request, options.seconds));
        theirs.push(await measure(baseline, load, request, options.seconds));
      }
      const ratios = ours.map((sample, round) => sample.requestsPerSecond / (theirs[round]?.requestsPerSecond ?? 0));
      const cpuRatios = ours.map(
        (sample, round) => (theirs[round]?.cpuMicrosecondsPerRequest ?? 0) / sample.cpuMicrosecondsPerRequest,
      );
      rows.push({
        tool,
        answerBytes: bytes,
        brooklet: side(ours),
        fastify: side(theirs),
        ratio: spread(ratios),
        cpuRatio: spread(cpuRatios),
      });
    }
  }
  return rows;
}
