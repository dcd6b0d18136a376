// One listener: who may connect, what an envelope may hold, and a message from DATA to the 250.
import type { AddressInfo } from 'node:net';
import type { SMTPServerSession } from 'smtp-server';
import { type Envelope, MAX_CLIENT_TEXT_LENGTH, MAX_ENVELOPE_LENGTH } from '../../../functions/contract/envelope.ts';
import { addressProblem } from '../../../functions/contract/mailAddress.ts';
import { newMessageId } from '../../../functions/contract/messageId.ts';
import { createClientNetworks } from '../config/clientNetworks.ts';
import type { EdgeConfig, ListenerConfig } from '../config/configSchema.ts';
import type { Report } from '../events.ts';
import { encodedEnvelopeLength } from '../spool/record.ts';
import type { Spool } from '../spool/spool.ts';
import type { createConnectionCount } from './connectionCount.ts';
import { EdgeServer } from './edgeServer.ts';
import { onceOnly } from './onceOnly.ts';
import { ClientGoneError, receiveMessage } from './receiveMessage.ts';
import { replies, SmtpRefusal, type SmtpReply } from './replies.ts';

export interface SmtpListenerOptions {
  readonly listener: ListenerConfig;
  readonly config: EdgeConfig;
  readonly spool: Spool;
  readonly report: Report;
  readonly now: () => number;
  readonly connections: ReturnType<typeof createConnectionCount>;
}

export interface SmtpListener {
  /** Resolves with the address once mail can come in. Rejects when the port cannot be had. */
  listen(): Promise<AddressInfo>;
  /** Takes no new connection, lets messages under way finish for up to `graceMs`, then ends every session. */
  close(graceMs: number): Promise<void>;
}

/** Makes a listener; {@link SmtpListener.listen} opens it. */
export function createSmtpListener(options: SmtpListenerOptions): SmtpListener {
  const { listener, config, spool, report, now, connections } = options;
  const networks = createClientNetworks(listener.clients);
  const receiving = new Set<Promise<void>>();
  let closing = false;

  const server = new EdgeServer({
    name: config.name,
    banner: 'relay',
    logger: false,
    disableReverseLookup: true,
    disabledCommands: ['AUTH', 'STARTTLS', 'WIZ', 'SHELL', 'KILL', 'HELP', 'VRFY'],
    hideSMTPUTF8: true,
    hideDSN: true,
    hideENHANCEDSTATUSCODES: false,
    size: config.maxMessageBytes,
    maxRecipients: config.limits.recipients,
    maxCommandLength: 4096,
    closeTimeout: 1000,
    socketTimeout: 5 * 60_000,
    onConnect(session, callback) {
      const address = session.remoteAddress;
      if (!networks.contains(address)) {
        report('edge.refusedConnection', { address, reason: 'not in a network this listener serves' });
        return callback(new SmtpRefusal(replies.notFromHere(address)));
      }
      if (!connections.enter(session.id, address)) {
        report('edge.refusedConnection', { address, reason: 'too many connections' });
        return callback(new SmtpRefusal(replies.tooManyConnections));
      }
      callback();
    },
    onClose: (session) => connections.leave(session.id),
    onMailFrom({ address, args }, session, callback) {
      if (closing) return callback(new SmtpRefusal(replies.shuttingDown));
      const problem = address === '' ? undefined : addressProblem(address);
      if (problem) return callback(refuse(session, replies.badSender(problem)));
      spool.roomProblem((args && Number(args.SIZE)) || 0).then(
        (full) => callback(full ? refuse(session, replies.spoolFull, full) : null),
        (error: unknown) => callback(refuse(session, replies.spoolError, error)),
      );
    },
    onRcptTo({ address }, session, callback) {
      const problem = addressProblem(address);
      if (problem) return callback(refuse(session, replies.badRecipient(problem)));
      const fits = encodedEnvelopeLength(envelopeOf(session, address)) <= MAX_ENVELOPE_LENGTH;
      callback(fits ? null : refuse(session, replies.tooManyRecipients));
    },
    onData(stream, session, callback) {
      const answer = onceOnly(callback);
      const work = receive(stream, session).then(
        (text) => answer(null, text),
        (error: unknown) => answer(error instanceof SmtpRefusal ? error : new SmtpRefusal(replies.unexpected)),
      );
      receiving.add(work);
      void work.finally(() => receiving.delete(work));
    },
  });
  server.on('error', (error: NodeJS.ErrnoException) =>
    report('edge.connectionError', { address: '', code: error.code ?? error.name }),
  );

  function refuse(session: SMTPServerSession, { code, text }: SmtpReply, cause?: unknown): SmtpRefusal {
    report('edge.rejected', { address: session.remoteAddress, code, reason: text });
    return new SmtpRefusal({ code, text }, { cause });
  }

  function envelopeOf(session: SMTPServerSession, ...more: string[]): Envelope {
    const { mailFrom, rcptTo } = session.envelope;
    return {
      v: 1,
      from: mailFrom ? mailFrom.address : '',
      to: [...rcptTo.map((recipient) => recipient.address), ...more],
      receivedAt: '',
      edge: config.name,
      client: {
        address: session.remoteAddress,
        helo: String(session.hostNameAppearsAs || '').slice(0, MAX_CLIENT_TEXT_LENGTH),
        user: '',
        tls: session.tlsOptions ? (session.tlsOptions.version ?? '') : '',
      },
    };
  }

  async function receive(stream: Parameters<typeof receiveMessage>[2], session: SMTPServerSession): Promise<string> {
    const address = session.remoteAddress;
    const started = performance.now();
    const id = newMessageId(now());
    const envelope = envelopeOf(session);
    const cutOff = () => {
      for (const connection of server.connections) if (connection.id === session.id) connection._socket.destroy();
    };
    try {
      const bytes = await receiveMessage(id, envelope, stream, {
        spool,
        maxMessageBytes: config.maxMessageBytes,
        now,
        cutOff,
      });
      report('edge.accepted', {
        id,
        address,
        helo: envelope.client.helo,
        tls: envelope.client.tls,
        bytes,
        recipients: envelope.to.length,
        milliseconds: Math.round(performance.now() - started),
      });
      return `2.6.0 Kept as ${id}`;
    } catch (error) {
      if (error instanceof ClientGoneError) report('edge.clientGone', { address, bytes: error.bytes });
      else if (error instanceof SmtpRefusal)
        report('edge.rejected', { address, code: error.responseCode, reason: error.message });
      if (!(error instanceof SmtpRefusal) || error.cause) {
        const cause = error instanceof SmtpRefusal ? error.cause : error;
        if (!(error instanceof ClientGoneError)) report('edge.spoolError', { reason: String(cause) });
      }
      throw error;
    }
  }

  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.server.once('error', reject);
        server.listen(listener.port, listener.host, () => {
          server.server.off('error', reject);
          resolve(server.server.address() as AddressInfo);
        });
      }),
    async close(graceMs) {
      if (closing) return;
      closing = true;
      const closed = new Promise<void>((resolve) => server.server.close(() => resolve()));
      const { code, text } = replies.shuttingDown;
      for (const connection of server.connections) if (!connection._dataStream) connection.send(code, text);
      const grace = new Promise((resolve) => setTimeout(resolve, graceMs).unref());
      await Promise.race([Promise.allSettled(receiving), grace]);
      for (const connection of server.connections) {
        connection.send(code, text);
        connection._socket.destroySoon();
      }
      await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 1000))]);
      for (const connection of server.connections) connection._socket.destroy();
    },
  };
}
