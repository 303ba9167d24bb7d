// All simulated stories and random faults with many more seeds than `npm test` has time for. A failure names its seed:
// `SIMULATION_SEEDS=1007-1007 npm test -- test/simulation/<file>` repeats it.

import { times } from "./share.ts";

const FIRST_SEED = 1_000;

process.env.SIMULATION_SEEDS ??= `${FIRST_SEED}-${FIRST_SEED + times({ full: 100, ci: 3 }) - 1}`;

// Each declares its tests when it is loaded, for the seeds that are asked for by then.
await import("../simulation/static-members.test.ts");
await import("../simulation/subscriptions.test.ts");
await import("../simulation/disconnects.test.ts");
await import("../simulation/many-and-large.test.ts");
await import("../simulation/admin.test.ts");
await import("../simulation/log-life.test.ts");
await import("../simulation/groups.test.ts");
await import("../simulation/broker.test.ts");
await import("../simulation/random.test.ts");
