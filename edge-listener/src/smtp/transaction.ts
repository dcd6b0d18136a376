// One mail transaction: sender, recipients, message.
import type { TLSSocket } from 'node:tls';
import type { SMTPServerAddress, SMTPServerDataStream, SMTPServerSession } from 'smtp-server';
import { type Envelope, MAX_CLIENT_TEXT_LENGTH, MAX_ENVELOPE_LENGTH } from '../../../functions/contract/envelope.ts';
import { addressProblem } from '../../../functions/contract/mailAddress.ts';
import { newMessageId } from '../../../functions/contract/messageId.ts';
import type { Access, Speaker } from '../policy/access.ts';
import { headerVerdict } from '../policy/headerVerdict.ts';
import { encodedEnvelopeLength } from '../spool/record.ts';
import { completeAddress } from './addressCommand.ts';
import type { EdgeConnection } from './edgeConnection.ts';
import { hints } from './hints.ts';
import { ClientGoneError, receiveMessage } from './receiveMessage.ts';
import { replies, SmtpRefusal, type SmtpReply } from './replies.ts';
import type { SharedParts } from './smtpListener.ts';

/** So many recipients fit into an envelope however long they are. */
const ALWAYS_FIT = 15;

export interface TransactionOptions {
  readonly shared: SharedParts;
  readonly access: Access;
  /** Makes a refusal an error for smtp-server; reports its cause, if any. */
  readonly refuse: (reply: SmtpReply, cause?: unknown) => SmtpRefusal;
  readonly connectionOf: (sessionId: string) => EdgeConnection | undefined;
}

/** What smtp-server asks in the course of a transaction. Refusals are returned, or thrown after DATA. */
export interface Transaction {
  sender(path: SMTPServerAddress, session: SMTPServerSession): Promise<SmtpRefusal | undefined>;
  recipient(path: SMTPServerAddress, session: SMTPServerSession): SmtpRefusal | undefined;
  /** Resolves with the text of the 250 once the message is promised. */
  message(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<string>;
}

export function createTransaction({ shared, access, refuse, connectionOf }: TransactionOptions): Transaction {
  const { config, spool, report, now, repeats, rates, inventory, messageLimit } = shared;

  const speakerOf = (session: SMTPServerSession): Speaker => ({
    address: session.remoteAddress,
    user: typeof session.user === 'string' ? session.user : '',
  });

  function envelopeOf(session: SMTPServerSession, ...more: string[]): Envelope {
    const { mailFrom, rcptTo } = session.envelope;
    const socket = connectionOf(session.id)?._socket as Partial<TLSSocket> | undefined;
    const { address, user } = speakerOf(session);
    return {
      v: 1,
      from: mailFrom ? mailFrom.address : '',
      to: [...rcptTo.map((recipient) => recipient.address), ...more],
      receivedAt: '',
      edge: config.name,
      client: {
        address,
        helo: String(session.hostNameAppearsAs || '').slice(0, MAX_CLIENT_TEXT_LENGTH),
        user: user.slice(0, MAX_CLIENT_TEXT_LENGTH),
        tls: session.secure ? (socket?.getProtocol?.() ?? '') : '',
      },
    };
  }

  return {
    async sender(path, session) {
      const speaker = speakerOf(session);
      const device = access.deviceAt(speaker.address);
      path.address = device?.sender ?? completeAddress(path.address, config.defaultDomain);
      const problem = path.address === '' ? undefined : addressProblem(path.address);
      if (problem) return refuse(replies.badSender(problem));
      if (path.address !== '' && path.address !== device?.sender && !access.maySendAs(speaker, path.address))
        return refuse(replies.senderRefused(path.address));
      if ((connectionOf(session.id)?.messages ?? 0) >= config.limits.messagesPerConnection)
        return refuse(replies.tooManyMessages);
      const declared = (path.args && Number(path.args.SIZE)) || 0;
      try {
        const full = await spool.roomProblem(declared);
        if (full) return refuse(replies.spoolFull, full);
      } catch (error) {
        return refuse(replies.spoolError, error);
      }
      const limit = device?.messagesPerMinute ?? config.limits.messagesPerMinute;
      return rates.take(speaker.address, limit) ? undefined : refuse(replies.tooFast);
    },

    recipient(path, session) {
      path.address = completeAddress(path.address, config.defaultDomain);
      const problem = addressProblem(path.address);
      if (problem) return refuse(replies.badRecipient(problem));
      if (!access.maySendTo(speakerOf(session), path.address)) return refuse(replies.recipientRefused(path.address));
      const fits =
        session.envelope.rcptTo.length < ALWAYS_FIT ||
        encodedEnvelopeLength(envelopeOf(session, path.address)) <= MAX_ENVELOPE_LENGTH;
      return fits ? undefined : new SmtpRefusal(replies.tooManyRecipients);
    },

    async message(stream, session) {
      const connection = connectionOf(session.id);
      const speaker = speakerOf(session);
      const started = performance.now();
      const startedAt = repeats.now();
      const id = newMessageId(now());
      const envelope = envelopeOf(session);
      const { address } = speaker;
      try {
        const mail = await receiveMessage(id, envelope, stream, {
          spool,
          maxMessageBytes: messageLimit(),
          now,
          judgeHeader: (header) => headerVerdict(header, speaker, access),
          ended(bytes, digest) {
            const answer = repeats.ended({ id, envelope, bytes, startedAt, digest });
            if (connection) connection.willAnswer(answer);
            else answer.lost();
            return answer;
          },
          cutOff: () => connection?._socket.destroy(),
        });
        const kept = mail.repeats ?? id;
        connection?.messageDone(true);
        const { helo, tls, user } = envelope.client;
        const mechanism = connection?.mechanism ?? '';
        inventory.accepted(address, {
          helo,
          tls,
          user,
          mechanism,
          bytes: mail.bytes,
          from: envelope.from,
          to: envelope.to,
        });
        if (mail.repeats) report('edge.repeated', { id: kept, address });
        else {
          const milliseconds = Math.round(performance.now() - started);
          const recipients = envelope.to.length;
          report('edge.accepted', { id, address, helo, tls, user, bytes: mail.bytes, recipients, milliseconds });
        }
        return `2.6.0 Kept as ${kept}`;
      } catch (error) {
        connection?.messageDone(false);
        if (error instanceof ClientGoneError) {
          const hint = connection?.goneAfterBareLf ? hints.bareLf : undefined;
          report('edge.clientGone', { address, bytes: error.bytes, ...(hint ? { hint } : {}) });
          if (hint) inventory.rejected(address, hint);
          throw error;
        }
        if (error instanceof SmtpRefusal) throw refuse({ code: error.responseCode, text: error.message }, error.cause);
        throw refuse(replies.unexpected, error);
      }
    },
  };
}
