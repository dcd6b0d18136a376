// One listener: its server, who may connect and log in, and how it stops.
import type { AddressInfo } from 'node:net';
import type { SMTPServerOptions } from 'smtp-server';
import { createClientNetworks } from '../config/clientNetworks.ts';
import type { EdgeConfig, ListenerConfig } from '../config/configSchema.ts';
import { type Report, withoutPeople } from '../events.ts';
import type { Inventory } from '../inventory.ts';
import { createAccess } from '../policy/access.ts';
import type { createAuthBans } from '../policy/authBans.ts';
import type { createRateLimit } from '../policy/rateLimit.ts';
import type { Spool } from '../spool/spool.ts';
import type { createConnectionCount } from './connectionCount.ts';
import { EdgeServer } from './edgeServer.ts';
import { hints } from './hints.ts';
import { createLogin } from './login.ts';
import { onceOnly } from './onceOnly.ts';
import { createOncePerMinute } from './oncePerMinute.ts';
import type { Repeats } from './repeats.ts';
import { replies, SmtpRefusal, type SmtpReply } from './replies.ts';
import { oldDeviceProblem, readCertificate, tlsOptionsOf, watchCertificate } from './tlsMaterial.ts';
import { createTransaction } from './transaction.ts';

/** What all listeners of an edge share. */
export interface SharedParts {
  readonly config: EdgeConfig;
  readonly spool: Spool;
  readonly report: Report;
  readonly now: () => number;
  readonly connections: ReturnType<typeof createConnectionCount>;
  readonly repeats: Repeats;
  readonly rates: ReturnType<typeof createRateLimit>;
  readonly bans: ReturnType<typeof createAuthBans>;
  readonly inventory: Inventory;
  /** The largest message now, in bytes: the configured limit, or the function app's when that is lower. */
  readonly messageLimit: () => number;
}

export interface SmtpListener {
  /** The largest message from now on, in bytes. */
  setMessageLimit(bytes: number): void;
  /** Resolves with the address once mail can come in. Rejects when the port cannot be had. */
  listen(): Promise<AddressInfo>;
  /** Takes no new connection, lets messages under way finish for up to `graceMs`, then ends every session. */
  close(graceMs: number): Promise<void>;
}

/** What smtp-server tells of a connection; `meta` when a TLS handshake failed. */
type ConnectionError = NodeJS.ErrnoException & { remoteAddress?: string; meta?: { remoteAddress?: string } };

/** How a handshake with a client that knows only old TLS ends. */
const OLD_TLS: ReadonlySet<string> = new Set([
  'ERR_SSL_UNSUPPORTED_PROTOCOL',
  'ERR_SSL_VERSION_TOO_LOW',
  'ERR_SSL_NO_SHARED_CIPHER',
  'ERR_SSL_WRONG_VERSION_NUMBER',
]);

/** Makes a listener; {@link SmtpListener.listen} opens it. Throws when its certificate cannot be used. */
export function createSmtpListener(listener: ListenerConfig, shared: SharedParts): SmtpListener {
  const { config, report, connections, inventory } = shared;
  const networks = createClientNetworks(listener.clients);
  const access = createAccess(config, listener);
  const certificate = listener.certificate ?? config.certificate;
  const receiving = new Set<Promise<void>>();
  const refusals = createOncePerMinute();
  const failures = createOncePerMinute();
  let closing = false;

  function refuse({ code, text }: SmtpReply, cause?: unknown): SmtpRefusal {
    if (cause) report('edge.spoolError', { reason: String(cause) });
    return new SmtpRefusal({ code, text }, { cause });
  }

  const login = createLogin(config.users, shared, (session) => server.connectionOf(session.id));
  const transaction = createTransaction({ shared, access, refuse, connectionOf: (id) => server.connectionOf(id) });

  const server: EdgeServer = new EdgeServer(
    {
      name: config.name,
      banner: 'relay',
      logger: false,
      disableReverseLookup: true,
      disabledCommands: ['WIZ', 'SHELL', 'KILL', 'HELP', 'VRFY', ...(listener.auth === 'none' ? ['AUTH'] : [])],
      hideSTARTTLS: listener.tls === 'none' || listener.tls === 'implicit',
      hideSMTPUTF8: true,
      hideDSN: true,
      hideENHANCEDSTATUSCODES: false,
      authMethods: ['PLAIN', 'LOGIN'],
      authOptional: listener.auth !== 'required',
      allowInsecureAuth: listener.authBeforeTls,
      maxAllowedUnauthenticatedCommands: false,
      size: shared.messageLimit(),
      maxRecipients: config.limits.recipients,
      maxCommandLength: 4096,
      closeTimeout: 1000,
      socketTimeout: config.limits.commandSeconds * 1000,
      ...(certificate && listener.tls !== 'none' ? (tlsOptionsOf(listener, certificate) as SMTPServerOptions) : {}),
      onConnect: (_session, callback) => callback(),
      onAuth: login,
      onMailFrom(path, session, callback) {
        if (closing) return callback(new SmtpRefusal(replies.shuttingDown));
        transaction.sender(path, session).then(
          (refusal) => callback(refusal ?? null),
          (error: unknown) => callback(refuse(replies.unexpected, error)),
        );
      },
      onRcptTo: (path, session, callback) => callback(transaction.recipient(path, session) ?? null),
      onData(stream, session, callback) {
        const answer = onceOnly(callback);
        const work = transaction.message(stream, session).then(
          (text) => answer(null, text),
          (error: unknown) => answer(error instanceof SmtpRefusal ? error : new SmtpRefusal(replies.unexpected)),
        );
        receiving.add(work);
        void work.finally(() => receiving.delete(work));
      },
    },
    {
      tls: listener.tls,
      admit(address) {
        const leave = networks.contains(address) ? connections.enter(address) : undefined;
        if (leave) return leave;
        const reply = networks.contains(address) ? replies.tooManyConnections : replies.notFromHere(address);
        inventory.rejected(address, withoutPeople(`${reply.code} ${reply.text}`));
        const count = refusals(address);
        if (count > 0) report('edge.refusedConnection', { address, reason: reply.text, count });
        return reply;
      },
      oldAuthSyntax: listener.oldAuthSyntax,
      errorsPerConnection: config.limits.errorsPerConnection,
      deadlines: config.limits,
      bareLfEnd: (address) => access.deviceAt(address)?.bareLfEnd ?? false,
      onRefused(address, code, text) {
        if (text === replies.wrongPassword.text) return; // edge.loginFailed tells
        const wantsTls = text === replies.noStartTls.text || text === replies.noTlsHello.text;
        report('edge.rejected', { address, code, reason: text, ...(wantsTls ? { hint: hints.noTls } : {}) });
        inventory.rejected(address, withoutPeople(`${code} ${text}`));
      },
      recipientLists: (address) => access.deviceAt(address)?.recipientLists ?? false,
      onOverdue(address, reason, bareLf) {
        report('edge.tooSlow', { address, reason, ...(bareLf ? { hint: hints.bareLf } : {}) });
        inventory.rejected(address, bareLf ? hints.bareLf : reason);
      },
    },
  );
  server.on('error', (error: ConnectionError) => {
    const address = error.remoteAddress ?? error.meta?.remoteAddress ?? '';
    const code = error.code ?? error.name;
    const hint = OLD_TLS.has(code) && !listener.legacyTls ? hints.oldTls : undefined;
    if (error.meta && address) inventory.rejected(address, hint ?? `TLS failed: ${code}`);
    const count = failures(`${address} ${code}`);
    if (count > 0) report('edge.connectionError', { address, code, count, ...(hint ? { hint } : {}) });
  });
  const unfit = listener.legacyTls && certificate ? oldDeviceProblem(readCertificate(certificate).cert) : undefined;
  if (certificate && unfit) report('edge.certificateUnfit', { file: certificate.certificateFile, reason: unfit });
  const stopWatching =
    certificate && listener.tls !== 'none'
      ? watchCertificate(listener, certificate, report, (options) => server.updateSecureContext(options))
      : () => undefined;

  return {
    setMessageLimit: (bytes) => {
      server.options.size = bytes;
    },
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
      stopWatching();
      server.stopSweeping();
      const closed = new Promise<void>((resolve) => server.server.close(() => resolve()));
      for (const connection of server.sessions) if (!connection._dataStream) connection.end(replies.shuttingDown);
      const grace = new Promise((resolve) => setTimeout(resolve, graceMs).unref());
      await Promise.race([Promise.allSettled(receiving), grace]);
      for (const connection of server.sessions) {
        connection.end(replies.shuttingDown);
        connection.cutOff();
      }
      await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 1000))]);
      for (const connection of server.sessions) connection._socket.destroy();
    },
  };
}
