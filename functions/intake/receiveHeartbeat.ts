/** An edge says that it lives and how it is; that becomes telemetry, because no telemetry key lives at the edge. */
import type { HttpRequest } from '@azure/functions';
import { z } from 'zod';
import { type HeartbeatAnswer, isEdgeName, MAX_HEARTBEAT_BYTES } from '../contract/relayProtocol.ts';
import type { EdgeSightings } from '../storage/edgeSightings.ts';
import type { Caller } from '../wiring/callers.ts';
import type { RelayEvents } from '../wiring/relayEvents.ts';
import type { Settings } from '../wiring/settings.ts';
import { maxMessageBytes } from './callerRules.ts';
import { Refusal } from './problems.ts';
import { openRequestBody } from './requestBody.ts';

export interface HeartbeatOptions {
  readonly settings: Settings;
  readonly edges: EdgeSightings;
  readonly events: RelayEvents;
}

/** An edge that was silent this long may be replaced by another under its name. */
const SILENT_MS = 15 * 60_000;

/** A text that is cut where it is too long: a heartbeat is not lost for a long word. */
const text = (most: number) => z.string().transform((value) => value.slice(0, most));
const count = z.number().min(0);

/** Fields that are not known are dropped: a newer edge may say more. */
export const heartbeatSchema = z.object({
  v: z.literal(1),
  version: text(100),
  instance: z.guid().optional(),
  uptimeSeconds: count,
  spool: z.object({ count, bytes: count, oldestSeconds: count }),
  lastError: text(1000).nullable(),
  listeners: z
    .array(
      z.object({
        address: text(100),
        port: z.int().min(0).max(65535),
        tls: text(50),
        certificateExpires: z.iso.datetime({ offset: true }).optional(),
      }),
    )
    .max(100),
  devices: z
    .array(
      z.object({
        address: text(100),
        accepted: count,
        rejected: count,
        bytes: count,
        lastSeen: text(50),
        tls: text(100),
        user: text(255),
      }),
    )
    .max(5000),
});

/** A heartbeat as it was understood. */
export type ReceivedHeartbeat = z.infer<typeof heartbeatSchema>;

/** Takes a heartbeat; refuses a second edge under the name of one that lives. */
export async function receiveHeartbeat(
  { settings, edges, events }: HeartbeatOptions,
  caller: Caller,
  request: HttpRequest,
): Promise<HeartbeatAnswer> {
  const name = request.params.name ?? '';
  if (!isEdgeName(name))
    throw new Refusal(
      'bad-request',
      'An edge name has letters, digits, inner dots, hyphens and underscores, at most 63.',
    );
  const beat = await readHeartbeat(request);
  const now = new Date();
  if (beat.instance) {
    const last = await edges.last(caller.name, name);
    if (last && last.instance !== beat.instance && now.getTime() - Date.parse(last.at) < SILENT_MS) {
      events.edgeNameTaken(caller.name, name);
      throw new Refusal(
        'edge-name-taken',
        `Another edge reported as ${name} at ${last.at}. Give each edge a name of its own. Mail is not affected.`,
      );
    }
    await edges.note(caller.name, name, { instance: beat.instance, at: now.toISOString() });
  }
  events.heartbeat(caller.name, name, beat);
  return { v: 1, maxMessageBytes: maxMessageBytes(settings, caller), now: now.toISOString() };
}

async function readHeartbeat(request: HttpRequest): Promise<ReceivedHeartbeat> {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json')
    throw new Refusal('unsupported-media-type', 'Send the heartbeat as application/json.');
  const chunks: Uint8Array[] = [];
  for await (const chunk of openRequestBody(request, MAX_HEARTBEAT_BYTES, 'heartbeat')) chunks.push(chunk);
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new Refusal('bad-request', 'The heartbeat is not a JSON text.');
  }
  const result = heartbeatSchema.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues
    .slice(0, 20)
    .map(({ path, message }) => ({ field: path.join('.'), problem: message }));
  throw new Refusal('bad-request', `The heartbeat is not understood: ${errors[0]!.field}: ${errors[0]!.problem}.`, {
    errors,
  });
}
