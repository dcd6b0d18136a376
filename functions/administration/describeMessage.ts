/** One mail in words: a line of a list, and all that is known of it. */
import { reasonInWords } from '../delivery/report/reasonInWords.ts';
import type { MessageStateRecord } from '../storage/messageState.ts';

/** Who sent what to whom, when, and how it stands. */
export function lineOf({
  id,
  state,
  acceptedAt,
  sentAt,
  attempts,
  mailbox,
  to,
  reason,
  due,
}: MessageStateRecord): string {
  const recipients = to.length > 2 ? `${to[0]} and ${to.length - 1} more` : to.join(', ');
  const time = state === 'sent' ? `  sent ${sentAt}` : state === 'accepted' && attempts > 0 ? `  next ${due}` : '';
  const why = reason ? `\n    ${reason}` : '';
  return `${id}  ${state.padEnd(8)}  ${acceptedAt}  ${mailbox} -> ${recipients}  tries ${attempts}${time}${why}`;
}

/** Every field of the record, a line each, and in words what a final reason means and what helps. */
export function describeMessage(record: MessageStateRecord): string {
  const rows = Object.entries({ ...record, ...inWords(record) });
  return rows.map(([name, value]) => `${name.padEnd(15)} ${shown(value)}`).join('\n');
}

function inWords({ state, reason }: MessageStateRecord): { meaning: string; remedy: string } | undefined {
  if (state === 'held')
    return {
      meaning: 'Nobody knows whether Microsoft 365 has sent the message; it is not sent again by itself.',
      remedy: 'Ask a recipient, or look into Sent Items of the mailbox. If it never came: retry ID --may-duplicate.',
    };
  return state === 'failed' && reason ? reasonInWords(reason) : undefined;
}

function shown(value: unknown): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? '-');
}
