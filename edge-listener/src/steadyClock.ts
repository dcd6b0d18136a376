/**
 * Milliseconds since 1970 that only ever move at the speed of real time: the wall clock at start plus the monotonic
 * clock since. A wall clock that jumps while the edge runs (a battery-less box that finds its time server) then makes
 * no mail look old and no retry wait for years. It says what is due and what expires; what a person reads, such as when
 * a mail was received, is the wall clock's.
 */
export function createSteadyClock(wall: () => number = Date.now): () => number {
  const offset = wall() - performance.now();
  return () => Math.round(offset + performance.now());
}
