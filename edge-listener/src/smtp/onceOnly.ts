/**
 * A callback that reaches `callback` at most once. smtp-server writes a reply for every call: a second one would be
 * taken by the client as the answer to its next command.
 */
export function onceOnly<Arguments extends unknown[]>(
  callback: (...args: Arguments) => void,
): (...args: Arguments) => void {
  let called = false;
  return (...args) => {
    if (called) return;
    called = true;
    callback(...args);
  };
}
