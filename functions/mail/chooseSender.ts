/**
 * Which mailbox sends a mail: the first usable address of From, Sender, the envelope, else the default sender; a sender
 * rule may map it to another mailbox. Graph has no envelope sender, so what From says is what matters.
 */
import { addressProblem } from '../contract/mailAddress.ts';
import { type AddressEntry, readAddressList } from './addressList.ts';
import { fieldsNamed, fieldValue, type HeaderBlock } from './headerBlock.ts';
import { findSenderRule, type SenderRule } from './senderRules.ts';

export interface SenderChoice {
  /** The address the mail is sent as. */
  readonly address: string;
  /** The mailbox that sends: user principal name or object id. */
  readonly mailbox: string;
  /** The address that From must show. */
  readonly from: string;
  /** Every address that From and Sender fields hold: each must be allowed to whoever submits the mail. */
  readonly claimed: readonly string[];
}

export interface SenderPolicy {
  readonly rules: readonly SenderRule[];
  readonly defaultSender: string | undefined;
}

/** The choice, or undefined when nothing names a usable sender and there is no default. */
export function chooseSender(block: HeaderBlock, envelopeFrom: string, policy: SenderPolicy): SenderChoice | undefined {
  const fromEntries = entriesOf(block, 'from');
  const senderEntries = entriesOf(block, 'sender');
  const candidates = [...addressesOf(fromEntries), ...addressesOf(senderEntries), envelopeFrom, policy.defaultSender];
  const address = candidates.find((candidate) => candidate !== undefined && addressProblem(candidate) === undefined);
  if (address === undefined) return undefined;
  const rule = findSenderRule(policy.rules, address);
  const mailbox = rule?.mailbox ?? address;
  return {
    address,
    mailbox,
    from: rule && !rule.keepFrom ? mailbox : address,
    claimed: [...addressesOf(fromEntries), ...addressesOf(senderEntries)],
  };
}

/** Every entry of every field of that name, in order; fields that cannot be read as a list have none. */
export function entriesOf(block: HeaderBlock, name: string): AddressEntry[] {
  return fieldsNamed(block, name).flatMap((field) => readAddressList(fieldValue(field))?.entries ?? []);
}

function addressesOf(entries: readonly AddressEntry[]): string[] {
  return entries.flatMap(({ address }) => (address === undefined ? [] : [address]));
}

/** Whether a field of that name cannot be read as an address list: whom it names, nobody can say. */
export function hasUnreadable(block: HeaderBlock, name: string): boolean {
  return fieldsNamed(block, name).some((field) => readAddressList(fieldValue(field)) === undefined);
}
