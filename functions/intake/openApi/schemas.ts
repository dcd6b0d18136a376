/** The shapes of requests and answers as JSON Schema 2020-12, the dialect of OpenAPI 3.1. */
import { z } from 'zod';
import { MAX_PARTS, MESSAGE_STATES } from '../../contract/relayProtocol.ts';
import { jsonMailSchema } from '../jsonMail.ts';
import { heartbeatSchema } from '../receiveHeartbeat.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;

const text = { type: 'string' } as const;
const whole = { type: 'integer', minimum: 0 } as const;
const time = { type: 'string', format: 'date-time' } as const;
const timeOrNull = { type: ['string', 'null'], format: 'date-time' } as const;
const uuid = {
  type: 'string',
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[1-9a-f][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$',
  examples: ['019a209e-0423-7454-b9f9-9b984d04db54'],
} as const;
const sha256 = { type: 'string', pattern: '^[0-9a-f]{64}$' } as const;
const state = { type: 'string', enum: [...MESSAGE_STATES] } as const;

/** An object that has all these properties; more may come in later versions. */
function all(properties: Record<string, JsonSchema>, description: string): JsonSchema {
  return { type: 'object', description, required: Object.keys(properties), properties };
}

function fromZod(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return rest;
}

const part = all({ n: { ...whole, minimum: 1, maximum: MAX_PARTS }, bytes: whole, sha256 }, 'One staged part.');

export const SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  Id: uuid,
  Accepted: all({ id: uuid, state }, 'The relay is responsible for the mail.'),
  MessageStatus: all(
    {
      id: uuid,
      state,
      attempts: whole,
      acceptedAt: time,
      sentAt: timeOrNull,
      due: timeOrNull,
      reason: { type: ['string', 'null'] },
    },
    '`sent` means that Exchange accepted the mail. `reason` says why it waits, is held or has failed.',
  ),
  Mail: fromZod(jsonMailSchema),
  PartReceipt: part,
  Parts: all({ id: uuid, parts: { type: 'array', items: part } }, 'What is staged, in order.'),
  Heartbeat: fromZod(heartbeatSchema),
  HeartbeatAnswer: all({ v: { const: 1 }, maxMessageBytes: whole, now: time }, 'What an edge has to know.'),
  HealthStatus: all({ status: { type: 'string', enum: ['ok', 'degraded', 'down'] } }, 'All that strangers are told.'),
  Health: all(
    {
      status: { type: 'string', enum: ['ok', 'degraded', 'down'] },
      queue: all({ length: whole, oldestSeconds: whole }, 'Mail that waits or is being sent.'),
      failed: whole,
      held: whole,
      delivery: { type: 'string', enum: ['on', 'paused'] },
      redirectAllTo: { type: ['string', 'null'] },
      problems: { type: 'array', items: text },
      complete: { type: 'boolean' },
    },
    '`complete` is false when there is more unfinished mail than was looked at.',
  ),
  Problem: {
    type: 'object',
    description:
      'RFC 9457. Further members name what was wrong: `addresses`, `errors`, `missing`, `maxMessageBytes`, `id`.',
    required: ['type', 'title', 'status', 'detail'],
    properties: {
      type: { type: 'string', format: 'uri' },
      title: text,
      status: { type: 'integer' },
      detail: text,
      addresses: { type: 'array', items: text },
      errors: { type: 'array', items: all({ field: text, problem: text }, 'One wrong field.') },
      missing: { type: 'array', items: { type: 'integer' } },
      maxMessageBytes: whole,
      retryAfterSeconds: whole,
      id: uuid,
    },
  },
};
