// The part of autocannon that the bench uses; the package carries no types.

declare module "autocannon" {
  export interface LoadOptions {
    url: string;
    method: "POST";
    headers: Record<string, string>;
    body: Buffer;
    connections: number;
    /** Seconds. */
    duration: number;
  }
  export interface LoadResult {
    requests: { average: number; total: number; sent: number };
    latency: { p50: number; p99: number };
    throughput: { average: number };
    "2xx": number;
    non2xx: number;
    errors: number;
    timeouts: number;
    mismatches: number;
  }
  // biome-ignore lint/style/noDefaultExport: it is how the package exports itself
  export default function autocannon(options: LoadOptions): Promise<LoadResult>;
}
