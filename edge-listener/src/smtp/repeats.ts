// A device that did not get its 250 sends the same message again: it should go once.
import { createHash } from 'node:crypto';
import type { Envelope } from '../../../functions/contract/envelope.ts';

/** At most so many messages are remembered. */
const MOST = 10_000;

/**
 * Remembers only messages whose 250 did not reach the device. Two equal messages that were both answered are two
 * messages: an alarm that rings twice rang twice.
 */
export function createRepeats(forMs: number, now: () => number = () => performance.now()) {
  const lost = new Map<string, { id: string; at: number }>();
  const devices = new Map<string, number>();
  return {
    /** True when this device may be repeating something: only then its message needs to be compared. */
    expects(address: string): boolean {
      return (devices.get(address) ?? Number.NEGATIVE_INFINITY) + forMs > now();
    },
    /** The answer to this message was lost. */
    remember(id: string, envelope: Envelope, sha256: string): void {
      if (forMs === 0) return;
      if (lost.size >= MOST) lost.delete(lost.keys().next().value!);
      lost.set(keyOf(envelope, sha256), { id, at: now() });
      devices.set(envelope.client.address, now());
      if (devices.size > MOST) devices.delete(devices.keys().next().value!);
    },
    /** The id of the message this one repeats; it is forgotten then. Undefined when it is a new one. */
    match(envelope: Envelope, sha256: string): string | undefined {
      const key = keyOf(envelope, sha256);
      const first = lost.get(key);
      lost.delete(key);
      return first && first.at + forMs > now() ? first.id : undefined;
    },
  };
}

function keyOf({ from, to, client }: Envelope, sha256: string): string {
  return createHash('sha256')
    .update(JSON.stringify([client.address, from, to, sha256]))
    .digest('base64');
}
