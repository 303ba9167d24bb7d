import Type from "typebox";
import { api } from "./api.ts";
import { ByteCount, described, WallMs } from "./fields.ts";

export const status = api({
  name: "status",
  text: "What the broker is, where its data lies and what it holds.",
  request: Type.Object({}),
  response: Type.Object({
    clusterId: Type.String(),
    brokerId: Type.Integer(),
    version: described("Of the package.", Type.String()),
    nodeVersion: Type.String(),
    url: Type.String(),
    startedAtMs: WallMs,
    uptimeMs: Type.Integer({ minimum: 0 }),
    durability: Type.Union([Type.Literal("disk"), Type.Literal("process"), Type.Literal("memory")]),
    dataFile: described("Absent when ephemeral.", Type.Optional(Type.String())),
    bootEpoch: Type.Integer(),
    storage: Type.Union([Type.Literal("ok"), Type.Literal("full")]),
    topics: Type.Integer(),
    partitions: Type.Integer(),
    groups: Type.Integer(),
    connections: Type.Integer(),
    parkedFetches: Type.Integer(),
    tailCacheBytes: ByteCount,
    residentBytes: ByteCount,
  }),
  errors: [],
});
