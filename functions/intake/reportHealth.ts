/**
 * How the relay is: can it store mail, may it send, does anything wait too long. Cheap, because anybody may ask: one look
 * for all who ask within half a minute, and a bounded one.
 */

import { inspect } from 'node:util';
import { isMessageId } from '../contract/messageId.ts';
import type { TokenSource } from '../delivery/tokenSource.ts';
import type { MessageKey, MessageStore } from '../storage/messageStore.ts';
import { readStates } from '../storage/readStates.ts';
import type { RelayEvents } from '../wiring/relayEvents.ts';
import type { Settings } from '../wiring/settings.ts';

/** `down`: mail cannot be accepted. `degraded`: it is accepted, and an administrator should look. */
export type HealthStatus = 'ok' | 'degraded' | 'down';

/** What callers are told. Strangers get the status alone. */
export interface Health {
  readonly status: HealthStatus;
  /** Mail that waits or is being sent; how long the oldest has waited. */
  readonly queue: { readonly length: number; readonly oldestSeconds: number };
  readonly failed: number;
  readonly held: number;
  readonly delivery: 'on' | 'paused';
  /** Pilot mode: all mail goes to this one address. */
  readonly redirectAllTo: string | null;
  /** What is wrong, in words. */
  readonly problems: readonly string[];
  /** Whether all unfinished mail was looked at; else the numbers are of the first of it, and there is more. */
  readonly complete: boolean;
}

export interface HealthOptions {
  readonly settings: Settings;
  readonly store: MessageStore;
  readonly token: TokenSource;
}

/** Looks at most this often. */
const KEPT_MS = 30_000;
/** Unfinished mail looked at; each is one small read. */
const MOST_LOOKED_AT = 500;
/** Longest look. What has not answered by then counts as down. */
const PATIENCE_MS = 10_000;
/** Mail that waits longer than this is a reason to look. */
const LONG_SECONDS = 15 * 60;

/**
 * The health of a relay that may not have been made yet: while it cannot be, since the storage's setting is wrong, say, it
 * is down like any other that accepts no mail.
 */
export function createHealthOf(
  relay: () => Promise<HealthOptions>,
  settings: Settings,
  events: Pick<RelayEvents, 'trouble'>,
): () => Promise<Health> {
  let health: (() => Promise<Health>) | undefined;
  return async () => {
    try {
      health ??= createHealth(await relay());
    } catch (error) {
      events.trouble('The relay cannot be made ready, so it accepts no mail.', {
        error: error instanceof Error ? error.message : inspect(error),
      });
      return down(settings, settings.DELIVERY, ['The relay cannot be made ready: the event relay.trouble says why.']);
    }
    return health();
  };
}

/** A look at the relay's health that is shared by all who ask. */
export function createHealth(options: HealthOptions, now: () => number = Date.now): () => Promise<Health> {
  let kept: { at: number; health: Promise<Health> } | undefined;
  return () => {
    if (!kept || now() - kept.at > KEPT_MS) kept = { at: now(), health: look(options, now()) };
    return kept.health;
  };
}

async function look(options: HealthOptions, now: number): Promise<Health> {
  const { settings, store, token } = options;
  const problems: string[] = [];
  const [mail, paused] = await Promise.all([
    within(countMail(store, now)).catch(() => void problems.push('The mail storage cannot be reached.')),
    within(store.isPaused()).catch(() => false),
    within(token.get()).catch(() => void problems.push('No access token for Microsoft Graph can be had.')),
  ]);
  const delivery = paused || settings.DELIVERY === 'paused' ? 'paused' : 'on';
  const redirectAllTo = settings.REDIRECT_ALL_TO ?? null;
  if (delivery === 'paused') problems.push('Delivery is paused: mail is accepted and waits.');
  if (redirectAllTo) problems.push(`Pilot mode: all mail goes to ${redirectAllTo} instead of its recipients.`);
  if (!mail) return down(settings, delivery, problems);
  if (mail.oldestSeconds > LONG_SECONDS)
    problems.push(`The oldest mail has waited for ${Math.round(mail.oldestSeconds / 60)} minutes.`);
  if (mail.held > 0) problems.push(`${mail.held} mails are held for a person to decide.`);
  if (mail.unreadable > 0)
    problems.push(`${mail.unreadable} state records cannot be read: see "npm run messages -- list".`);
  const { length, oldestSeconds, failed, held, complete } = mail;
  const status = problems.length > 0 ? 'degraded' : 'ok';
  return { status, queue: { length, oldestSeconds }, failed, held, delivery, redirectAllTo, problems, complete };
}

function down(settings: Settings, delivery: Health['delivery'], problems: readonly string[]): Health {
  return {
    status: 'down',
    queue: { length: 0, oldestSeconds: 0 },
    failed: 0,
    held: 0,
    delivery,
    redirectAllTo: settings.REDIRECT_ALL_TO ?? null,
    problems,
    complete: false,
  };
}

interface MailCount {
  readonly length: number;
  readonly oldestSeconds: number;
  readonly failed: number;
  readonly held: number;
  readonly unreadable: number;
  readonly complete: boolean;
}

async function countMail(store: MessageStore, now: number): Promise<MailCount> {
  const count = { accepted: 0, sending: 0, sent: 0, failed: 0, held: 0 };
  const looked = { complete: true };
  let oldest = now;
  let read = 0;
  const unreadable: unknown[] = [];
  for await (const { current, unreadable: error } of readStates(store, firstMails(store, looked))) {
    if (error !== undefined) unreadable.push(error);
    else read++;
    if (!current) continue;
    const { state, acceptedAt } = current.record;
    count[state]++;
    if (state === 'accepted' || state === 'sending') oldest = Math.min(oldest, Date.parse(acceptedAt));
  }
  // One broken record is for an administrator; where none of several can be read, the storage is what is broken.
  if (read === 0 && unreadable.length > 1) throw unreadable[0];
  return {
    length: count.accepted + count.sending,
    oldestSeconds: Math.max(0, Math.round((now - oldest) / 1000)),
    failed: count.failed,
    held: count.held,
    unreadable: unreadable.length,
    complete: looked.complete,
  };
}

/** Unfinished mail, as much of it as is looked at; notes in `looked` when there is more. */
async function* firstMails(store: MessageStore, looked: { complete: boolean }): AsyncGenerator<MessageKey> {
  let seen = 0;
  for await (const { caller, id } of store.listBodies()) {
    if (!isMessageId(id)) continue;
    looked.complete = seen < MOST_LOOKED_AT;
    if (!looked.complete) return;
    seen++;
    yield { caller, id };
  }
}

async function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), PATIENCE_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
