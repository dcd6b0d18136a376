// Jobs one after the other, in the order they were asked for.

/** Runs `job` when all earlier ones are over, well or not; resolves or rejects as the job does. */
export type InTurn = <T>(job: () => Promise<T>) => Promise<T>;

/** A queue of its own. `idle` resolves when what was asked for until now is over. */
export function createTurns(): { readonly inTurn: InTurn; readonly idle: () => Promise<void> } {
  let last: Promise<void> = Promise.resolve();
  return {
    inTurn(job) {
      const turn = last.then(job);
      last = turn.then(
        () => {},
        () => {}, // whoever asked for the job learns of its failure
      );
      return turn;
    },
    idle: () => last,
  };
}
