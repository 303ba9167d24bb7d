import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: [
      "test/torture/**/*.torture.ts",
      // Those whose number of inputs is larger here (test/support/fuzz-runs.ts).
      "test/property/grammars/*.test.ts",
      "test/property/protocol/*.test.ts",
      "test/property/client/answer-shapes.test.ts",
      "test/property/groups/consumer-offsets.test.ts",
    ],
    pool: "forks",
    // One at a time: each needs the machine for itself.
    maxWorkers: 1,
    testTimeout: 30 * 60_000,
    hookTimeout: 60_000,
    retry: 0,
  },
});
