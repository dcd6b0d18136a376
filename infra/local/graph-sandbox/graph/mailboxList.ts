// Reads the file given with --mailboxes.

import type { MailboxEntry } from './mailboxes.ts';

/**
 * A JSON array; each element an address, or an object as MailboxEntry describes.
 *
 * @throws with a sentence that names the element and the field that is wrong.
 */
export function readMailboxList(value: unknown): MailboxEntry[] {
  if (!Array.isArray(value)) throw new Error('it must hold a JSON array of mailboxes.');
  return value.map((element: unknown, index) => {
    if (typeof element === 'string') return { address: element };
    if (typeof element !== 'object' || element === null)
      throw new Error(`mailbox ${index} is neither text nor object.`);
    const { address, id, sendAs, maxSendBytes, enabled, ...rest } = element as Record<string, unknown>;
    const wrong = (field: string, expected: string): never => {
      throw new Error(`mailbox ${index}: "${field}" must be ${expected}.`);
    };
    for (const field of Object.keys(rest)) throw new Error(`mailbox ${index}: "${field}" is not a field.`);
    if (typeof address !== 'string' || !address.includes('@')) return wrong('address', 'an e-mail address');
    if (id !== undefined && typeof id !== 'string') return wrong('id', 'text');
    if (sendAs !== undefined && !(Array.isArray(sendAs) && sendAs.every((other) => typeof other === 'string')))
      return wrong('sendAs', 'an array of addresses');
    if (maxSendBytes !== undefined && !Number.isInteger(maxSendBytes)) return wrong('maxSendBytes', 'a whole number');
    if (enabled !== undefined && typeof enabled !== 'boolean') return wrong('enabled', 'true or false');
    return {
      address,
      ...(id !== undefined && { id }),
      ...(sendAs !== undefined && { sendAs: sendAs as string[] }),
      ...(maxSendBytes !== undefined && { maxSendBytes: maxSendBytes as number }),
      ...(enabled !== undefined && { enabled }),
    };
  });
}
