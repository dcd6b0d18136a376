import { z } from 'zod';
import { isMessageId } from '../contract/messageId.ts';
import { isCallerName } from '../wiring/callers.ts';
import type { MessageStateRecord } from './messageState.ts';

const wakeUpSchema = z.object({
  v: z.literal(1),
  caller: z.string().refine(isCallerName),
  id: z.string().refine(isMessageId),
  mailbox: z.string().max(320),
  traceparent: z.string().max(100),
});

/** A queue message: "look at this mail now". It carries no authority; the state record decides. */
export type WakeUp = z.infer<typeof wakeUpSchema>;

/** A wake-up, or undefined for anything else that may stand in the queue. */
export function parseWakeUp(value: unknown): WakeUp | undefined {
  return wakeUpSchema.safeParse(value).data;
}

/** The wake-up for a mail. */
export function wakeUpOf({ caller, id, mailbox, traceparent }: MessageStateRecord): WakeUp {
  return { v: 1, caller, id, mailbox, traceparent };
}
