// The SMTP server of one listener: who gets in, how TLS begins, and the clocks of every session.
import { randomUUID } from 'node:crypto';
import type net from 'node:net';
import type tls from 'node:tls';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import type { SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js';
import type { ListenerConfig } from '../config/configSchema.ts';
import { type DeadlineLimits, handshakeTooSlow, overdue } from './deadlines.ts';
import { EdgeConnection } from './edgeConnection.ts';
import { TLS_HANDSHAKE } from './edgeStream.ts';
import { replies, type SmtpReply } from './replies.ts';

/** In `tls: auto`, a client that has said nothing for so long waits for a plain banner, in milliseconds. */
const AUTO_TLS_WAIT_MS = 250;
/** How often deadlines are looked at, in milliseconds. */
const SWEEP_MS = 2000;
/** A client that was turned away has so long to read why and to close, in milliseconds. */
const TURNED_AWAY_MS = 2000;
/** How many addresses are remembered by how they begin. */
const MOST_REMEMBERED = 5000;

export interface EdgeServerSettings {
  /** When TLS begins: never, after STARTTLS, at the first byte, or as the first byte of the client tells (`auto`). */
  readonly tls: ListenerConfig['tls'];
  readonly errorsPerConnection: number;
  /** Offer logins by `AUTH=` too, as before RFC 2554. */
  readonly oldAuthSyntax: boolean;
  readonly deadlines: DeadlineLimits;
  /** Whether this client ends messages with LF . LF. */
  readonly bareLfEnd: (address: string) => boolean;
  /** Whether this client may name many recipients in one command. */
  readonly recipientLists: (address: string) => boolean;
  /** Counts a new connection in and returns how to count it out; or why it has to go. Asked before anything else. */
  readonly admit: (address: string) => (() => void) | SmtpReply;
  /** A client got this refusal, from whichever part of the edge. */
  readonly onRefused: (address: string, code: number, text: string) => void;
  /** A session was ended because it took too long; `bareLf`: it seems to wait after LF . LF. */
  readonly onOverdue: (address: string, reason: string, bareLf: boolean) => void;
}

interface Session {
  readonly connection: EdgeConnection;
  /** Counts it out. */
  readonly leave: () => void;
}

export class EdgeServer extends SMTPServer {
  readonly settings: EdgeServerSettings;
  /** Sockets without a session yet: when they came, and the topmost socket, the only one that may be destroyed. */
  readonly #handshakes = new Map<net.Socket, number>();
  readonly #bySession = new Map<string, Session>();
  /** Session ids are only told apart: the library would draw random bytes for each, which costs a system call. */
  readonly #prefix = `${randomUUID()}/`;
  #begun = 0;
  /** In `tls: auto`: what an address spoke first. One that ever began with TLS is never taken for a plain one. */
  readonly #firstWords = new Map<string, 'plain' | 'tls'>();
  readonly #sweeper: NodeJS.Timeout;

  /** `options.secure` stays unset: the library would begin TLS before anybody asked who is there. */
  constructor(options: SMTPServerOptions, settings: EdgeServerSettings) {
    super(options);
    this.settings = settings;
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  /** The connection of a session; undefined when it is gone. */
  connectionOf(sessionId: string): EdgeConnection | undefined {
    return this.#bySession.get(sessionId)?.connection;
  }

  get sessions(): Iterable<EdgeConnection> {
    return [...this.#bySession.values()].map(({ connection }) => connection);
  }

  /** Lets go of a session that has ended. */
  forget(sessionId: string): void {
    this.#bySession.get(sessionId)?.leave();
    this.#bySession.delete(sessionId);
  }

  /** Tells that a session is being ended because it took too long. */
  overdue(connection: EdgeConnection, reason: string): void {
    this.settings.onOverdue(connection.remoteAddress, reason, connection.waitsAfterBareLf);
  }

  /** Remembers that clients at this address begin with TLS. */
  speaksTls(address: string): void {
    this.#remember(address, 'tls');
  }

  #remember(address: string, words: 'plain' | 'tls'): void {
    if (this.#firstWords.get(address) !== 'tls') this.#firstWords.set(address, words);
    if (this.#firstWords.size > MOST_REMEMBERED) this.#firstWords.delete(this.#firstWords.keys().next().value!);
  }

  /** Stops what runs beside the sessions. */
  stopSweeping(): void {
    clearInterval(this.#sweeper);
    for (const socket of this._pendingSockets.values()) socket.destroy();
  }

  override connect(socket: net.Socket, options?: SMTPConnectionOptions | null): void {
    if (socket.destroyed) return;
    const admission = this.settings.admit(plainAddress(socket));
    if (typeof admission !== 'function') {
      turnAway(socket, this.settings.tls === 'implicit' ? undefined : admission);
      return;
    }
    const ready: Ready = (top, secure) => this.#begin(top, options, secure, admission);
    socket.once('close', admission);
    if (this.settings.tls === 'implicit') this.#handshake(socket, ready);
    else if (this.settings.tls === 'auto') this.#afterFirstByte(socket, ready);
    else ready(socket, false);
  }

  #begin(
    socket: net.Socket | tls.TLSSocket,
    options: SMTPConnectionOptions | null | undefined,
    secure: boolean,
    leave: () => void,
  ): void {
    const connection = new EdgeConnection(this, socket, { ...options, id: `${this.#prefix}${++this.#begun}` });
    if (secure && 'getCipher' in socket) {
      connection.secure = true;
      connection.session.secure = true;
      connection.tlsOptions = socket.getCipher();
    }
    this.connections.add(connection);
    this.#bySession.set(connection.id, { connection, leave });
    connection.on('error', (error) => this._onError(error));
    connection.init();
  }

  /** A TLS client speaks first, a plain one waits for the banner; one known to be plain does not have to. */
  #afterFirstByte(socket: net.Socket, ready: Ready): void {
    const ignore = () => undefined; // whoever gets the socket next learns of its end
    const decide = () => {
      clearTimeout(timer);
      socket.off('readable', decide);
      const first = socket.read() as Buffer | null;
      if (first) socket.unshift(first);
      if (socket.destroyed) return;
      const isTls = first?.[0] === TLS_HANDSHAKE;
      this.#remember(address, isTls ? 'tls' : 'plain');
      if (isTls) return this.#handshake(socket, ready);
      socket.off('error', ignore);
      ready(socket, false);
    };
    const address = plainAddress(socket);
    const timer = setTimeout(decide, this.#firstWords.get(address) === 'plain' ? 0 : AUTO_TLS_WAIT_MS);
    socket.on('error', ignore);
    socket.on('readable', decide);
  }

  /** Begins TLS on a socket that has no session yet. The library keeps the TLS socket on top in `_pendingSockets`. */
  #handshake(socket: net.Socket, ready: Ready): void {
    const over = () => {
      this.#handshakes.delete(socket);
      this._pendingSockets.delete(socket);
    };
    socket.on('error', () => undefined); // the TLS socket on top tells
    socket.once('close', over);
    this.#handshakes.set(socket, performance.now());
    this._pendingSockets.set(socket, socket);
    this._upgrade(socket, (error, secured) => {
      const top = this._pendingSockets.get(socket);
      over();
      if (secured && !error) return ready(secured, true);
      top?.destroy();
      this._onError(error ?? new Error('The TLS handshake failed.'));
    });
  }

  #sweep(): void {
    const now = performance.now();
    for (const { connection } of this.#bySession.values()) {
      const reason = overdue(connection.measure(), now, this.settings.deadlines);
      if (!reason || connection._closing) continue;
      this.overdue(connection, reason);
      connection.end(replies.tooSlow);
      connection.cutOff();
    }
    for (const [socket, since] of this.#handshakes) {
      if ((now - since) / 1000 <= this.settings.deadlines.handshakeSeconds) continue;
      this.settings.onOverdue(plainAddress(socket), handshakeTooSlow(this.settings.deadlines), false);
      this._pendingSockets.get(socket)?.destroy();
    }
  }
}

/** Begins the session on the topmost socket. */
type Ready = (top: net.Socket | tls.TLSSocket, secure: boolean) => void;

/** Says why, where text can be read, and closes. */
function turnAway(socket: net.Socket, reply: SmtpReply | undefined): void {
  socket.on('error', () => undefined); // its end is all that is wanted
  if (!reply) {
    socket.destroy();
    return;
  }
  socket.end(`${reply.code} ${reply.text}\r\n`);
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), TURNED_AWAY_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}

/** The address of the client; an IPv4 client of an IPv6 socket by its IPv4 address. */
function plainAddress(socket: net.Socket): string {
  return (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/i, '');
}
