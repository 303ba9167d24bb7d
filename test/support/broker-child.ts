// A broker in a process of its own, for tests that kill it. Options come as JSON in the first argument; its URL goes out as the
// first line on stdout. With `--exit` it closes the broker at once and must then end by itself.

import { type BrokerOptions, startBroker } from "@brooklet/server";

const broker = await startBroker(JSON.parse(process.argv[2] ?? "{}") as BrokerOptions);
process.stdout.write(`${broker.url}\n`);
if (process.argv[3] === "--exit") await broker.close();
