// What the help and docs/reference/command.md say beyond the rows of the commands: the first steps, the environment.

export const purpose = "a small, real message broker for Node: Kafka's semantics in one process and one SQLite file.";

/** The first three things to type. */
export const firstSteps: readonly (readonly [line: string, meaning: string])[] = [
  ["brooklet", "a broker on this machine; leave it running, and in another terminal:"],
  ['echo "hello" | brooklet produce greetings', "a record in a topic, which is made with it"],
  ["brooklet consume greetings", "what is there, then what comes; Ctrl-C ends"],
];

/** Variables of the environment that every command knows. */
export const environmentRows: readonly (readonly [name: string, text: string])[] = [
  ["BROOKLET_BOOTSTRAP_SERVERS", "where commands find the broker, host:port, comma separated, as -b"],
  ["BROOKLET_PORT", "the port where a broker listens, and where commands look for one on this machine"],
  ["BROOKLET_TOKEN_FILE", "the file with the token, as --token-file"],
  ["BROOKLET_CONFIG", "the broker's configuration file, as --config"],
  [
    "BROOKLET_…",
    "every other option of `brooklet serve` and every setting of the broker: BROOKLET_DATA is --data, BROOKLET_NUM_PARTITIONS is --set num.partitions",
  ],
  ["NO_COLOR", "set to anything: no colour; FORCE_COLOR: colour in pipes too"],
  ["TERM=dumb", "no colour, and nothing that is written again in place"],
];
