// Where an event stream goes on: the next offset of each partition, as text, in `id:` of every event, in Last-Event-ID and
// in `from=`: `0:15,1:20@topicId`, partition and next offset, then the topic they belong to.
//
// Invariant: what formatPositions writes parsePositions reads, and a topic that was created anew is another one.

import { ProtocolError } from "@brooklet/protocol";

/** Partitions of one stream: each event names all their positions, and the id must fit into a request's headers. */
export const MAX_STREAM_PARTITIONS = 250;
/** 250 partitions with offsets of 16 digits. */
const MAX_TEXT_LENGTH = 8 * 1024;
const POSITION = /^(\d{1,10}):(\d{1,16})$/;

export interface StreamPositions {
  readonly offsets: ReadonlyMap<number, number>;
  /** Absent where a person wrote them. */
  readonly topicId: string | undefined;
}

export function formatPositions(offsets: ReadonlyMap<number, number>, topicId: string): string {
  let text = "";
  for (const [partition, offset] of offsets) text += `${text === "" ? "" : ","}${partition}:${offset}`;
  return `${text}@${topicId}`;
}

/** Errors: INVALID_REQUEST. */
export function parsePositions(text: string): StreamPositions {
  const [list = "", topicId, ...more] = text.length > MAX_TEXT_LENGTH ? [] : text.split("@");
  const offsets = new Map<number, number>();
  for (const item of list.split(",")) {
    const match = POSITION.exec(item);
    const partition = Number(match?.[1]);
    const offset = Number(match?.[2]);
    if (!Number.isSafeInteger(offset) || offsets.has(partition) || more.length > 0 || topicId === "") {
      throw new ProtocolError(
        "INVALID_REQUEST",
        `a stream begins at "earliest", "latest", a timestamp in milliseconds, or positions like 0:15,1:20`,
      );
    }
    offsets.set(partition, offset);
  }
  return { offsets, topicId };
}
