import type { MessageStateRecord } from '../../storage/messageState.ts';
import type { RelayEvents } from '../../wiring/relayEvents.ts';
import type { PlannedAttachment } from './draftPlan.ts';

/** Between two lines about the same upload, unless it is done. */
const EVERY_MS = 5_000;

/** Counts what has been uploaded of one mail, and says so from time to time: a large mail takes minutes. */
export interface Progress {
  readonly bytes: number;
  expect(attachments: readonly PlannedAttachment[]): void;
  arrived(bytes: number): void;
}

export function createProgress(events: Pick<RelayEvents, 'progress'>, record: MessageStateRecord): Progress {
  let bytes = 0;
  let total = 0;
  let saidAt = 0;
  const say = () => {
    saidAt = Date.now();
    events.progress(record, bytes, total);
  };
  return {
    get bytes() {
      return bytes;
    },
    expect(attachments) {
      total = attachments.reduce((sum, { size }) => sum + size, 0);
      say();
    },
    arrived(count) {
      bytes += count;
      if (bytes >= total || Date.now() - saidAt >= EVERY_MS) say();
    },
  };
}
