/** What a final reason means to the person who sent the mail, and what an administrator can do about it. */

interface Words {
  readonly meaning: string;
  readonly remedy: string;
}

const UNKNOWN: Words = {
  meaning: 'Microsoft 365 refused the message.',
  remedy:
    'The administrator can look the code up in the documentation of Microsoft Graph, mend the cause and retry the message.',
};

/** The same words for several codes. */
function words(codes: readonly string[], said: Words): Record<string, Words> {
  return Object.fromEntries(codes.map((code) => [code, said]));
}

const WORDS: Readonly<Record<string, Words>> = {
  ErrorSendAsDenied: {
    meaning: 'The mailbox that sends is not allowed to send as the address in From.',
    remedy: 'Grant the mailbox Send As for that address, or map the sender in SENDER_RULES, or set FALLBACK_MAILBOX.',
  },
  ErrorInvalidRecipients: {
    meaning: 'At least one recipient is not an address that Microsoft 365 can send to.',
    remedy: 'Correct the recipient in the address book of the device or program, and send the message again.',
  },
  ErrorInvalidUser: {
    meaning: 'There is no mailbox for the sender.',
    remedy: 'Create the mailbox, or map the sender to an existing one in SENDER_RULES, or set FALLBACK_MAILBOX.',
  },
  ErrorMimeContentInvalidBase64String: {
    meaning: 'Microsoft 365 could not read the message.',
    remedy: 'Export the message and check it: the device may produce mail that is damaged.',
  },
  ErrorMessageSizeExceeded: {
    meaning: 'The message is larger than the sending mailbox may send.',
    remedy: 'Raise MaxSendSize of the mailbox (at most 150 MB), or let the device scan at a lower resolution.',
  },
  MessageTooLarge: {
    meaning: 'The message is too large for one request, and large mail is not switched on.',
    remedy: 'Switch large mail on (LARGE_MAIL, with the permission Mail.ReadWrite), or scan at a lower resolution.',
  },
  UnrewritableMessage: {
    meaning: 'The message is large and of a kind that would be damaged on its way.',
    remedy: 'Set UNREWRITABLE to attach, so that such mail travels as an attachment.',
  },
  MailboxNotEnabledForRESTAPI: {
    meaning: 'The mailbox that sends is not in Exchange Online, or has no licence.',
    remedy: 'License the mailbox or move it to Exchange Online, or map the sender to another one in SENDER_RULES.',
  },
  GaveUp: {
    meaning: 'The message could not be sent for three days, although it was tried again and again.',
    remedy: 'The reason above is that of the last attempt. Mend it and retry the message.',
  },
  BodyMissing: {
    meaning: 'The stored message is gone.',
    remedy: 'Send the message again. Somebody or something deleted it from the storage account.',
  },
  ...words(['ErrorAccessDenied', 'Authorization_RequestDenied'], {
    meaning: 'The relay may not send from the mailbox.',
    remedy:
      'Grant the identity of the relay Mail.Send, and take the mailbox into the scope of the role or the access policy.',
  }),
  ...words(['InvalidAuthenticationToken', 'NoToken'], {
    meaning: 'The relay could not sign in to Microsoft 365.',
    remedy: 'Look at the managed identity: GRAPH_CLIENT_ID, its permissions, and whether the function app has it.',
  }),
  ...words(['ErrorQuotaExceeded', 'HTTP 507'], {
    meaning: 'The mailbox that sends is full.',
    remedy: 'Make room in the mailbox, Sent Items first, or raise its quota.',
  }),
  CheckFailed: {
    meaning: 'The message may have been sent, and the relay could not look into the mailbox to find out.',
    remedy: 'Grant the permission to read mail that AMBIGUOUS_SEND=check needs, or ask a recipient, then retry it.',
  },
  UploadHostRefused: {
    meaning: 'Microsoft 365 named a host for the upload that the relay does not trust.',
    remedy: 'If the host is one of Microsoft’s, add it to GRAPH_UPLOAD_HOSTS and retry the message.',
  },
  SenderRefused: {
    meaning: 'The sender rules name a mailbox that whoever submitted the message may not use.',
    remedy: 'Allow the mailbox in CALLERS (senders), or change SENDER_RULES, and retry the message.',
  },
  DeliveryCrashed: {
    meaning: 'The relay failed again and again while it was sending the message.',
    remedy: 'Look for relay.trouble events of this message, report the bug, and retry the message.',
  },
};

/** The code at the start of a reason. */
export function codeOfReason(reason: string): string {
  return /^([A-Za-z_]+|HTTP \d{3}): /.exec(reason)?.[1] ?? '';
}

/** The words for a reason as the state record holds it. */
export function reasonInWords(reason: string): Words {
  const code = codeOfReason(reason);
  // Of a mail that was given up, the last attempt's code says more.
  const last = code === 'GaveUp' ? codeOfReason(reason.replace(/^GaveUp: \d+ attempts, the last: /, '')) : '';
  const { meaning, remedy } = WORDS[code] ?? UNKNOWN;
  return { meaning, remedy: WORDS[last]?.remedy ?? remedy };
}
