// docs/reference/states.md: what a member of a group can be, and the moves between it, from the table that the SDK obeys.

import { type MemberState, memberStates, memberTransitions } from "../../client-sdk/src/consumer/membership-states.ts";
import { code, page, table } from "./markdown.ts";

const intro = `A consumer that subscribed is in one of these states (Kafka's, of its ${code("MemberState")}). Any move that is not here is a bug, and
fails loudly. The broker keeps no such table: a group's state follows from its members: Empty without
any, Assigning until partitions are distributed for the newest epoch, Reconciling until all have what they were assigned, then Stable.`;

/** The page. */
export function statesPage(): string {
  const rows = (Object.keys(memberStates) as MemberState[]).map((state) => [
    code(state),
    memberStates[state],
    memberTransitions[state].map(code).join(", "),
  ]);
  return page(
    "States of a member",
    "client-sdk/src/consumer/membership-states.ts",
    intro,
    table(["state", "what it is", "may become"], rows),
  );
}
