// The SMTP server of one listener.
import type net from 'node:net';
import type tls from 'node:tls';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import type { SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js';
import { type DeadlineLimits, overdue } from './deadlines.ts';
import { EdgeConnection } from './edgeConnection.ts';
import { replies } from './replies.ts';

/** In `tls: auto`, a client that has said nothing for so long waits for a plain banner, in milliseconds. */
const AUTO_TLS_WAIT_MS = 250;
/** How often deadlines are looked at, in milliseconds. */
const SWEEP_MS = 2000;
/** A TLS handshake may take so long, however many bytes trickle in, in milliseconds. */
const HANDSHAKE_MS = 60_000;
/** First byte of a TLS handshake record. */
const TLS_HANDSHAKE = 0x16;

export interface EdgeServerSettings {
  /** Tell a TLS client from a plain one by its first byte. */
  readonly autoTls: boolean;
  readonly errorsPerConnection: number;
  readonly deadlines: DeadlineLimits;
  /** Whether this client ends messages with LF . LF. */
  readonly bareLfEnd: (address: string) => boolean;
  /** A session was ended because it took too long; `bareLf`: it seems to wait after LF . LF. */
  readonly onOverdue: (address: string, reason: string, bareLf: boolean) => void;
}

export class EdgeServer extends SMTPServer {
  readonly settings: EdgeServerSettings;
  readonly #handshakes = new Map<net.Socket, number>();
  readonly #bySession = new Map<string, EdgeConnection>();
  readonly #sweeper: NodeJS.Timeout;

  constructor(options: SMTPServerOptions, settings: EdgeServerSettings) {
    super(options);
    this.settings = settings;
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  /** The connection of a session; undefined when it is gone. */
  connectionOf(sessionId: string): EdgeConnection | undefined {
    return this.#bySession.get(sessionId);
  }

  get sessions(): Iterable<EdgeConnection> {
    return this.#bySession.values();
  }

  /** Stops what runs beside the sessions. */
  stopSweeping(): void {
    clearInterval(this.#sweeper);
  }

  override connect(socket: net.Socket | tls.TLSSocket, socketOptions?: SMTPConnectionOptions | null): void {
    if (this.settings.autoTls) this.#connectAfterFirstByte(socket as net.Socket, socketOptions);
    else this.#begin(socket, socketOptions, !!this.options.secure);
  }

  #begin(socket: net.Socket | tls.TLSSocket, options: SMTPConnectionOptions | null | undefined, secure: boolean): void {
    const connection = new EdgeConnection(this, socket, options);
    if (secure && 'getCipher' in socket) {
      connection.secure = true;
      connection.session.secure = true;
      connection.tlsOptions = socket.getCipher();
    }
    this.connections.add(connection);
    this.#bySession.set(connection.id, connection);
    socket.once('close', () => this.#bySession.delete(connection.id));
    connection.on('error', (error) => this._onError(error));
    connection.init();
  }

  /** A TLS client speaks first, a plain one waits for the banner. */
  #connectAfterFirstByte(socket: net.Socket, options: SMTPConnectionOptions | null | undefined): void {
    const ignore = () => undefined; // whoever gets the socket next learns of its end
    const decide = () => {
      clearTimeout(timer);
      socket.off('readable', decide);
      const first = socket.read() as Buffer | null;
      if (first) socket.unshift(first);
      if (socket.destroyed) return;
      if (first?.[0] !== TLS_HANDSHAKE) {
        socket.off('error', ignore);
        return this.#begin(socket, options, false);
      }
      this._upgrade(socket, (error, secured) => {
        socket.off('error', ignore);
        if (secured && !error) return this.#begin(secured, options, true);
        socket.destroy();
        this._onError(error ?? new Error('The TLS handshake failed.'));
      });
    };
    const timer = setTimeout(decide, AUTO_TLS_WAIT_MS);
    socket.on('error', ignore);
    socket.on('readable', decide);
  }

  #sweep(): void {
    const now = performance.now();
    for (const connection of this.#bySession.values()) {
      const reason = overdue(connection.measure(), now, this.settings.deadlines);
      if (!reason) continue;
      this.settings.onOverdue(connection.remoteAddress, reason, connection.waitsAfterBareLf);
      connection.end(replies.tooSlow);
      connection._socket.destroySoon();
    }
    for (const socket of this._pendingSockets.keys()) {
      const since = this.#handshakes.get(socket) ?? now;
      if (now - since > HANDSHAKE_MS) socket.destroy();
      else this.#handshakes.set(socket, since);
    }
    for (const socket of this.#handshakes.keys())
      if (!this._pendingSockets.has(socket)) this.#handshakes.delete(socket);
  }
}
