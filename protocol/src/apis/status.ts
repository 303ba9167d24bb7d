import Type from "typebox";
import { api } from "./api.ts";
import { ByteCount, described, WallMs } from "./fields.ts";

export const status = api({
  name: "status",
  text: "What the broker is, where its data lies and what it holds.",
  request: Type.Object({}),
  response: Type.Object({
    clusterId: described("Made when the log began; another id is another log.", Type.String()),
    brokerId: described("Always 1.", Type.Integer()),
    version: described("Of the package.", Type.String()),
    nodeVersion: described("Of the process.", Type.String()),
    url: described("Where it listens.", Type.String()),
    startedAtMs: WallMs,
    uptimeMs: described("Since the start.", Type.Integer({ minimum: 0 })),
    durability: described(
      "After which event a write is acknowledged.",
      Type.Union([Type.Literal("disk"), Type.Literal("process"), Type.Literal("memory")]),
    ),
    dataFile: described("Absent when ephemeral.", Type.Optional(Type.String())),
    bootEpoch: described("Raised by a start after acknowledged records may have been lost.", Type.Integer()),
    storage: described(
      "full: produce is refused until there is room.",
      Type.Union([Type.Literal("ok"), Type.Literal("full")]),
    ),
    topics: described("How many.", Type.Integer()),
    partitions: described("How many.", Type.Integer()),
    groups: described("How many.", Type.Integer()),
    connections: described("Open WebSockets.", Type.Integer()),
    parkedFetches: described("Fetches that wait for data.", Type.Integer()),
    tailCacheBytes: ByteCount,
    residentBytes: ByteCount,
  }),
  errors: [],
});
