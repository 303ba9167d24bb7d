// `bootstrap.servers`: one or more host:port, as an array or comma separated. Only their form is checked here, not their reach.

const MAX_PORT = 65_535;
const BRACKETED = /^\[([0-9a-fA-F:.]+)\]:(\d{1,5})$/;
const PLAIN = /^([a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?\.?):(\d{1,5})$/;

function addressProblem(address: string): string | undefined {
  const bracketed = BRACKETED.exec(address);
  const plain = PLAIN.exec(address);
  const port = Number(bracketed?.[2] ?? plain?.[3] ?? Number.NaN);
  if (Number.isNaN(port)) {
    return `${JSON.stringify(address)} is not host:port, such as localhost:4092 or [::1]:4092`;
  }
  if (port < 1 || port > MAX_PORT) return `${JSON.stringify(address)} has a port outside 1 to ${MAX_PORT}`;
  // 256.1.1.1 looks like a name and is read as a bad number: the platform would throw at every attempt to connect.
  if (!URL.canParse(`ws://${address}`))
    return `${JSON.stringify(address)} has a host that is no name and no IP address`;
  return undefined;
}

/** The addresses, or all that is wrong with them. */
export function parseServers(value: unknown): { addresses: string[]; problems: string[] } {
  const problems: string[] = [];
  const texts: string[] = [];
  const items: unknown[] = Array.isArray(value) ? value : [value];
  for (const item of items) {
    if (typeof item === "string") texts.push(...item.split(","));
    else problems.push("must be a text or an array of texts, each host:port");
  }
  const addresses = texts.map((text) => text.trim()).filter((text) => text !== "");
  if (problems.length === 0 && addresses.length === 0) problems.push("must name at least one host:port; it is empty");
  const seen = new Set<string>();
  for (const address of addresses) {
    const problem = addressProblem(address);
    if (problem !== undefined) problems.push(problem);
    else if (seen.has(address.toLowerCase())) problems.push(`names ${address} twice`);
    seen.add(address.toLowerCase());
  }
  return { addresses, problems };
}
