// Chance that repeats: the same seed gives the same run.

import type { Random } from "@brooklet/protocol/world";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** mulberry32: small, fast and good enough for schedules. */
export function simulatedRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    next,
    uuid: () => `S${Array.from({ length: 21 }, () => ALPHABET[Math.floor(next() * 64)]).join("")}`,
  };
}
