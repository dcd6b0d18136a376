// One mail whose worker is killed at one moment, and what becomes of it.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { sweepMail } from '../../../delivery/sweepMail.ts';
import type { MessageStateRecord } from '../../../storage/messageState.ts';
import { newLargeRelay } from '../large/largeRelay.ts';
import { sha256 } from '../large/mailSamples.ts';
import { openGraphDoor } from './graphDoor.ts';
import { endVictims, type Killing, killAt, outlive } from './killAt.ts';
import type { Policy, Scenario } from './scenarios.ts';

/** Wake-ups that follow the death of the worker. */
const MORE_DELIVERIES = 6;

// Once for a whole file: its tests share what victims are made of.
after(endVictims);

export interface KilledMail extends Killing {
  readonly record: MessageStateRecord;
  /** What happened: a `copy` that went out, or the name of an event. */
  readonly story: readonly string[];
  /** SHA-256 of the attachments of every copy. */
  readonly attachments: readonly string[][];
  readonly drafts: number;
  readonly bodies: number;
}

/** A relay whose workers can be killed, for many mails one after the other; it ends with the test. */
export async function newKillableRelay(t: TestContext, policy: Policy, { env, victim, ...scenario }: Scenario) {
  const door = await openGraphDoor();
  t.after(door.close);
  const settings = { AMBIGUOUS_SEND: policy, GRAPH_BASE_URL: door.url, ...env };
  const relay = await newLargeRelay(t, settings);
  door.target = relay.url;
  const { store, queues } = relay;
  const jobEnv = {
    MailStorage: 'unused',
    GRAPH_CREDENTIAL: 'none',
    GRAPH_TIMEOUT_SECONDS: '5',
    LARGE_MAIL: 'on',
    MAX_INSTANCES: '1',
    ...settings,
  };

  async function sentSoFar(): Promise<number> {
    return ((await (await fetch(`${relay.url}/sandbox/stats`)).json()) as { accepted: number }).accepted;
  }

  const clearMailbox = () => fetch(`${relay.url}/sandbox/messages`, { method: 'DELETE' });

  /** Time passes until the mail is due, a dead worker's claim is over, and a draft has settled. */
  async function letTimePass(record: MessageStateRecord): Promise<void> {
    const current = (await store.readState(record))!;
    const { claim, draftSendAt } = current.record;
    const now = new Date().toISOString();
    const settled = new Date(Date.now() - 3 * 60_000).toISOString();
    const passed = { due: now, claim: claim && { ...claim, until: now }, ...(draftSendAt && { draftSendAt: settled }) };
    await store.replaceState({ ...current.record, ...passed }, current.etag);
  }

  const folder = await mkdtemp(join(tmpdir(), 'killed-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const bodyFile = join(folder, 'body');
  await writeFile(bodyFile, scenario.message);

  return async (isLast: (moment: string, step: number) => boolean): Promise<KilledMail> => {
    await clearMailbox();
    store.bodies.clear();
    store.states.clear();
    await relay.setFaults(scenario.faults);
    door.silence = scenario.silence;
    const story: string[] = [];
    const onEvent = (name: string) => void story.push(name);
    let sent = await sentSoFar();
    door.onSend = async () => {
      const now = await sentSoFar();
      if (now > sent) story.push('copy');
      sent = now;
    };
    const mail = await relay.accept(scenario.message, {
      messageId: '<1@contoso.com>',
      ...(scenario.attachments.length > 0 && { asDraft: true }),
    });
    const surroundings = { store, queues, door, onEvent };
    const deliver = async () => outlive(surroundings, { env: jobEnv, record: await relay.state(mail), bodyFile });
    if (scenario.draftGone) {
      await deliver();
      await clearMailbox();
      sent = 0;
      await letTimePass(mail);
    }
    const killing = await killAt(
      surroundings,
      { ...victim, env: { ...jobEnv, ...victim?.env }, record: await relay.state(mail), bodyFile },
      isLast,
    );
    for (let more = 0; more < MORE_DELIVERIES; more++) {
      const { state } = await relay.state(mail);
      if (state !== 'accepted' && state !== 'sending') break;
      await letTimePass(mail);
      await deliver();
    }
    await sweepMail(relay.options);
    const messages = await relay.messages();
    return {
      ...killing,
      record: await relay.state(mail),
      story,
      attachments: messages.map(({ attachments }) => attachments.map(({ sha256 }) => sha256)),
      drafts: (await relay.drafts()).length,
      bodies: store.bodies.size,
    };
  };
}

/**
 * A test for each of these and each policy: a worker that is killed at every moment loses nothing, and sends twice only
 * where `resend` says so, and then tells of it beforehand.
 */
export function killInEvery(scenarios: readonly Scenario[]): void {
  for (const scenario of scenarios)
    for (const policy of scenario.policies)
      test(`${policy}: ${scenario.name}, killed at every moment`, (t) => killEverywhere(t, policy, scenario));
}

/** Kills the worker at every moment there is, and looks at what came of the mail each time. */
export async function killEverywhere(t: TestContext, policy: Policy, scenario: Scenario): Promise<void> {
  const run = await newKillableRelay(t, policy, scenario);
  let moments = 0;
  for (let step = 0, killed = true; killed; step++) {
    const mail = await run((_, moment) => moment === step);
    assertNothingLost(mail, policy, scenario);
    killed = mail.killedAt !== undefined;
    moments = mail.moments.length;
  }
  assert.ok(moments >= scenario.leastMoments, `only ${moments} moments were tried`);
}

function assertNothingLost(mail: KilledMail, policy: Policy, scenario: Scenario): void {
  const { record, story, killedAt } = mail;
  const where = `killed ${killedAt ?? 'never'} (moment ${mail.moments.length}): ${record.state} (${record.reason}), ${story.join(', ')}`;
  const held = policy === 'hold' && scenario.holds(killedAt);
  const doubled = policy === 'resend' && scenario.doubles(killedAt);
  assert.equal(record.state, held ? 'held' : 'sent', where);
  const copies = story.filter((what) => what === 'copy').length;
  if (!held) assert.equal(copies, doubled ? 2 : 1, where);
  else assert.ok(copies <= 1, where);
  if (copies > 1) {
    const risk = story.indexOf('mail.duplicateRisk');
    assert.ok(risk >= 0 && risk < story.lastIndexOf('copy'), where);
  }
  const whole = scenario.attachments.map(sha256);
  assert.deepEqual(
    mail.attachments,
    Array.from({ length: copies }, () => whole),
    where,
  );
  assert.equal(mail.drafts, held ? 0 : (scenario.draftsLeft ?? 0), where);
  assert.equal(mail.bodies, held ? 1 : 0, where);
}
