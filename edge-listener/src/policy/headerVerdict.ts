// What the header of a message must not say.
import { MAX_HEADER_BYTES } from '../smtp/headerTap.ts';
import { replies, type SmtpReply } from '../smtp/replies.ts';
import type { Access, Speaker } from './access.ts';
import { headerFields, listedAddresses } from './headerAddresses.ts';

/** A message that has passed more servers than this goes round in a circle (RFC 5321 section 6.3: at least 100). */
const MOST_HOPS = 100;

/**
 * The refusal this header earns; undefined when it earns none. The envelope sender proves nothing, and the mailbox
 * that sends is chosen by From: every address in From and Sender has to be allowed to the speaker.
 */
export function headerVerdict(header: string, speaker: Speaker, access: Access): SmtpReply | undefined {
  if (header.length > MAX_HEADER_BYTES) return replies.headerTooLong;
  const hops = header.match(/^received:/gim)?.length ?? 0;
  if (hops > MOST_HOPS) return replies.loop;
  if (!access.limitsSenders(speaker)) return undefined;
  for (const { name, value } of headerFields(header)) {
    if (name !== 'from' && name !== 'sender') continue;
    const addresses = listedAddresses(value);
    if (!addresses) return replies.unreadableFrom;
    const foreign = addresses.find((address) => !access.maySendAs(speaker, address));
    if (foreign !== undefined) return replies.senderRefused(printable(foreign));
  }
  return undefined;
}

function printable(address: string): string {
  return address.replace(/[^\x21-\x7e]/g, '?').slice(0, 100);
}
