// Every refusal the edge itself gives. The text is what a device's display or log will show: say what to do.

/** An SMTP refusal: reply code and text, which begins with the enhanced status code (RFC 3463). */
export interface SmtpReply {
  readonly code: number;
  readonly text: string;
}

/** How smtp-server wants a refusal: an error with the code beside it. Without a code it would say 450. */
export class SmtpRefusal extends Error {
  readonly responseCode: number;
  constructor(reply: SmtpReply, options?: ErrorOptions) {
    super(reply.text, options);
    this.responseCode = reply.code;
  }
}

const reply = (code: number, text: string): SmtpReply => ({ code, text });

export const replies = {
  notFromHere: (address: string) =>
    reply(554, `5.7.1 ${address} is not in a network this relay serves; ask its administrator to add it`),
  tooManyConnections: reply(421, '4.7.0 Too many connections from this address; try again in a moment'),
  tooManyMessages: reply(421, '4.7.0 Many messages on one connection; connect again for the rest'),
  noStartTls: reply(502, '5.5.1 This port has no TLS; switch TLS off in the device or use another port'),
  noTlsHello: reply(502, '5.5.1 This port does not begin with TLS; use STARTTLS if it is offered, or another port'),
  tooManyErrors: reply(421, '4.7.0 Too many errors on this connection'),
  tooManyCommands: reply(421, '4.7.0 Too many commands without a message'),
  tooSlow: reply(421, '4.4.2 This took too long; connect again'),
  tooFast: reply(451, '4.7.1 Too many messages from this device in a minute; try again later'),
  wrongPassword: reply(535, '5.7.8 The user name or the password is wrong'),
  banned: reply(421, '4.7.0 Too many wrong passwords from this address; try again later'),
  senderRefused: (address: string) => reply(550, `5.7.1 This device may not send as ${address}`),
  recipientRefused: (address: string) => reply(550, `5.7.1 This device may not send to ${address}`),
  unreadableFrom: reply(550, '5.7.1 The From or Sender field of the message cannot be read'),
  headerTooLong: reply(554, '5.6.0 The header of the message is larger than 256 kB'),
  loop: reply(554, '5.4.6 The message has passed too many servers: it seems to go round in a circle'),
  shuttingDown: reply(421, '4.3.2 The relay is restarting; try again in a minute'),
  badSender: (problem: string) => reply(553, `5.1.7 The sender address cannot be used: ${problem}`),
  badRecipient: (problem: string) => reply(553, `5.1.3 The recipient address cannot be used: ${problem}`),
  tooManyRecipients: reply(452, '4.5.3 Too many recipients for one message; send the rest as another one'),
  messageTooLarge: (limit: number) =>
    reply(552, `5.3.4 The message is larger than ${(limit / 1_000_000).toFixed(1)} MB, the most this relay takes`),
  emptyMessage: reply(554, '5.6.0 The message is empty: there is nothing to send'),
  spoolFull: reply(452, '4.3.1 The relay has no room for the message now; try again later'),
  spoolError: reply(451, '4.3.0 The relay could not store the message; try again later'),
  unexpected: reply(451, '4.3.0 The relay failed unexpectedly; try again later'),
} as const;
