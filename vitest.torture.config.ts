import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/torture/**/*.torture.ts"],
    pool: "forks",
    // One at a time: each needs the machine for itself.
    maxWorkers: 1,
    testTimeout: 30 * 60_000,
    hookTimeout: 60_000,
    retry: 0,
  },
});
