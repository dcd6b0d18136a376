/** Holds the claim on a mail for as long as its upload takes, and writes what has to be known if this process dies. */
import type { MessageStateRecord } from '../../storage/messageState.ts';
import type { StoredState } from '../../storage/messageStore.ts';
import type { DeliveryOptions } from '../deliverMessage.ts';

/** How long a claim outlives the longest call, so that a slow answer still finds its claim. */
const CLAIM_MARGIN_MS = 10_000;

export interface ClaimKeeper {
  /** The state as last written. */
  readonly current: StoredState;
  /** Aborted once the claim is somebody else's: whatever is under way has to stop. */
  readonly lost: AbortSignal;
  /** Writes changes under the claim; false when it is lost. */
  write(changes: Partial<MessageStateRecord>): Promise<boolean>;
  /** Stops renewing the claim; it is the caller's to settle now. */
  stop(): Promise<void>;
}

export type ClaimOptions = Pick<DeliveryOptions, 'store' | 'settings' | 'owner' | 'events'>;

/** Claims the mail and keeps the claim; undefined when somebody was faster. */
export async function keepClaim(options: ClaimOptions, found: StoredState): Promise<ClaimKeeper | undefined> {
  const { store, settings, owner, events } = options;
  const lifeMs = settings.GRAPH_TIMEOUT_SECONDS * 1000 + CLAIM_MARGIN_MS;
  const untilFromNow = () => new Date(Date.now() + lifeMs).toISOString();
  const attempt = found.record.attempts + 1;
  const since = new Date().toISOString();
  const claimed = await store.replaceState(
    {
      ...found.record,
      state: 'sending',
      attempts: attempt,
      doubt: null,
      claim: { owner, since, until: untilFromNow(), attempt },
    },
    found.etag,
  );
  if (!claimed) return undefined;

  let current: StoredState = claimed;
  let writing: Promise<unknown> = Promise.resolve();
  const lost = new AbortController();

  /** One write at a time: each needs the ETag of the one before. */
  function write(changes: Partial<MessageStateRecord>): Promise<boolean> {
    const turn = writing.then(async () => {
      if (lost.signal.aborted) return false;
      const { claim } = { ...current.record, ...changes };
      const next = { ...current.record, ...changes, claim: claim && { ...claim, until: untilFromNow() } };
      const written = await store.replaceState(next, current.etag);
      if (written) current = written;
      else lost.abort(new Error('The claim on the mail was lost.'));
      return written !== undefined;
    });
    writing = turn.catch(() => {});
    return turn;
  }

  const timer = setInterval(() => {
    write({}).catch((error: unknown) => {
      events.trouble('A claim could not be renewed.', { id: found.record.id, error: String(error) });
      const { claim } = current.record;
      if (claim && Date.parse(claim.until) < Date.now()) lost.abort(new Error('The claim on the mail ran out.'));
    });
  }, lifeMs / 3);

  return {
    get current() {
      return current;
    },
    lost: lost.signal,
    write,
    async stop() {
      clearInterval(timer);
      await writing;
    },
  };
}
