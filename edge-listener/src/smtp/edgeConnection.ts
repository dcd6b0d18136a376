// One SMTP session: smtp-server's, with what real devices need and the limits the library lacks.
import type net from 'node:net';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';
import { parseAddressCommand, recipientList } from './addressCommand.ts';
import type { SessionProgress } from './deadlines.ts';
import type { EdgeServer } from './edgeServer.ts';
import { EdgeStream } from './edgeStream.ts';
import type { Answer } from './repeats.ts';
import { replies, type SmtpReply } from './replies.ts';

const ENHANCED_STATUS = /^[245]\.\d{1,3}\.\d{1,3} /;
/** Commands on one connection without a message being taken: more are a flood. */
const MOST_COMMANDS = 1500;
/** Beyond so many of them, each has to wait, in milliseconds. */
const FAST_COMMANDS = 600;
const SLOW_COMMAND_MS = 10;
/** A device that gives no name, or none that can be used, is known by this. */
const NO_NAME = 'unknown';

type HeldReply = Parameters<SMTPConnection['send']>;

export class EdgeConnection extends SMTPConnection {
  /** For the deadlines. */
  readonly progress: SessionProgress = {
    commandAt: performance.now(),
    dataAt: undefined,
    dataBytes: 0,
    handshake: false,
  };
  /** Messages taken on this connection. */
  messages = 0;
  /** True when the client went away while it seemed to wait for the answer to a message it ended with LF . LF. */
  goneAfterBareLf = false;
  /** How the client logged in; empty without a login. */
  mechanism = '';
  #errors = 0;
  #refusals = 0;
  #commands = 0;
  /** The topmost socket: during a handshake that is the TLS socket, which `_socket` is only afterwards. */
  #top: net.Socket | undefined;
  #timingOut = false;
  /** Replies that are gathered instead of being sent. */
  #held: HeldReply[] | undefined;
  /** The answers that the client has not shown yet to have got. */
  readonly #unconfirmed: Answer[] = [];
  /** How many bytes had come from the client when the last message was answered; infinite before its answer. */
  #answeredAtByte = 0;

  private get edge(): EdgeServer {
    return this._server as EdgeServer;
  }

  /**
   * Greets at once. The library waits 100 ms to catch clients that talk before the banner; a printer that connects
   * anew for every mail would get nine a second, and some devices do talk first and mean no harm.
   */
  override init(): void {
    this._setListeners(() => this.connectionReady());
  }

  /** The parser with a DATA phase of our own. Called by the constructor of the library, before our fields exist. */
  override _createParser(): EdgeStream {
    const { maxCommandLength } = this._server.options;
    const bareLfEnd = this.edge.settings.bareLfEnd(this._socket.remoteAddress ?? '');
    const parser = new EdgeStream({ maxCommandLength, bareLfEnd });
    parser.oncommand = (command, next) => this._onCommand(command, next);
    parser.ontlshello = () => this.#tlsHello();
    parser.on('error', (error) => this.send(421, `Error: ${error.message}`));
    return parser;
  }

  override _onCommand(command: Buffer, callback?: () => void): void {
    this.progress.commandAt = performance.now();
    // Bytes that came after the answer are no pipelined ones: the client has read it.
    if (this._socket.bytesRead > this.#answeredAtByte)
      for (const answer of this.#unconfirmed.splice(0)) answer.confirmed();
    if (++this.#commands > MOST_COMMANDS) {
      this.#refuse(replies.tooManyCommands);
      return;
    }
    // A device that says no HELO means no harm.
    if (!this.hostNameAppearsAs && !this._nextHandler && /^(MAIL|AUTH)\b/i.test(command.toString('latin1'))) {
      this.hostNameAppearsAs = NO_NAME;
      this.session.hostNameAppearsAs = NO_NAME;
    }
    if (this.#commands <= FAST_COMMANDS) {
      super._onCommand(command, callback);
      return;
    }
    // No further line is read meanwhile: one that only makes noise takes no time from the others.
    setTimeout(() => {
      if (!this._closed && !this._closing) super._onCommand(command, callback);
    }, SLOW_COMMAND_MS);
  }

  /** A text of ours brings its own enhanced status code; the library would put a generic one before it. */
  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    if (this.#held) {
      this.#held.push([code, data, context]);
      return;
    }
    if (this.#timingOut && code === 421) {
      this.edge.overdue(this, 'nothing came any more');
      this.end(replies.tooSlow);
      return;
    }
    const shown = Array.isArray(data) ? data.flatMap((line) => this.#offered(line)) : data;
    super.send(code, shown, typeof data === 'string' && ENHANCED_STATUS.test(data) ? false : context);
    if (code < 400) return;
    this.#tellRefusal(code, String(data ?? ''));
    if (code === 421 || code === 452) return;
    if (++this.#errors >= this.edge.settings.errorsPerConnection) this.#refuse(replies.tooManyErrors);
  }

  /** Once per refusal, whoever gave it, but not without end for one client. Nothing the client said is told. */
  #tellRefusal(code: number, text: string): void {
    if (this._closed || this._socket.destroyed || ++this.#refusals > this.edge.settings.errorsPerConnection) return;
    this.edge.settings.onRefused(this.remoteAddress, code, text.replace(/duplicate \S+/, 'duplicate'));
  }

  #refuse(reply: SmtpReply): void {
    this.#tellRefusal(reply.code, reply.text);
    this.end(reply);
  }

  /** A line of the answer to EHLO. Logins are offered only where they are taken: some devices ask nothing further. */
  #offered(line: string): string[] {
    if (!line.startsWith('AUTH ')) return [line];
    if (!this.secure && !this._server.options.allowInsecureAuth) return [];
    return this.edge.settings.oldAuthSyntax ? [line, line.replace(' ', '=')] : [line];
  }

  /** Says why and closes. */
  end({ code, text }: SmtpReply): void {
    super.send(code, text, false);
    this.close();
  }

  /** The library arms the idle timeout of every socket it begins to use. */
  override _armTimeout(socket: net.Socket = this._socket): void {
    this.#top = socket;
    super._armTimeout(socket);
  }

  /** The library decides whether the client or the edge is the one that is silent, and ends the session with 421. */
  override _onTimeout(): void {
    this.#timingOut = true;
    super._onTimeout();
    this.#timingOut = false;
  }

  /** Closes; in the middle of a handshake from the top, as pulling the socket from under TLS can crash Node. */
  override close(): void {
    if (this._upgrading) this.cutOff();
    else super.close();
  }

  /** Ends the connection as soon as what was said is sent. */
  cutOff(): void {
    if (this._upgrading) this.#top?.destroy();
    else this._socket.destroySoon();
  }

  /** Called once the connection is gone, whichever way it went. */
  override _onClose(): void {
    this.goneAfterBareLf = this.waitsAfterBareLf;
    super._onClose();
    this.edge.forget(this.id);
  }

  /** The name may be missing, or be two words: UPSes and drives do that. It is for the record only. */
  override handler_HELO(command: Buffer, callback: () => void): void {
    super.handler_HELO(withOneName(command), callback);
  }

  override handler_EHLO(command: Buffer, callback: () => void): void {
    super.handler_EHLO(withOneName(command), callback);
  }

  /** Addresses stay as the client spelt them: the library would turn punycode domains into Unicode. */
  override _parseAddressCommand(name: string, command: Buffer | string): ReturnType<typeof parseAddressCommand> {
    return parseAddressCommand(name, command.toString('latin1'));
  }

  /** A message that says itself that it is too large: in words that a display can show. */
  override _validateMailParams(
    parsed: Parameters<SMTPConnection['_validateMailParams']>[0],
  ): ReturnType<SMTPConnection['_validateMailParams']> {
    const { size } = this._server.options;
    if (!size || !parsed.args || !(Number(parsed.args.SIZE) > size)) return super._validateMailParams(parsed);
    const { code, text } = replies.messageTooLarge(size);
    return { code, message: text, enhancedCode: null };
  }

  /** A list is one recipient after the other, of which all are taken or none. */
  override handler_RCPT(command: Buffer, callback: () => void): void {
    const lists = this.edge.settings.recipientLists(this.remoteAddress);
    const list = lists ? recipientList(command.toString('latin1')) : undefined;
    if (!list) {
      super.handler_RCPT(command, callback);
      return;
    }
    const { rcptTo } = this.session.envelope;
    const [count, index] = [rcptTo.length, new Map(this._rcptIndex)];
    const answers: HeldReply[] = [];
    this.#held = answers;
    for (const one of list) super.handler_RCPT(Buffer.from(one, 'latin1'), () => undefined);
    this.#held = undefined;
    const refusal = answers.find(([code]) => code >= 400);
    if (refusal) {
      rcptTo.length = count;
      this._rcptIndex = index;
    }
    this.send(...(refusal ?? answers[0]!));
    callback();
  }

  /** A listener without TLS says so, instead of not knowing the command. */
  override handler_STARTTLS(command: Buffer, callback: () => void): void {
    if (this.secure || !this._server.options.hideSTARTTLS) {
      super.handler_STARTTLS(command, callback);
      return;
    }
    this.send(replies.noStartTls.code, replies.noStartTls.text);
    callback();
  }

  /** TLS where none began, or too late in `tls: auto`. */
  #tlsHello(): void {
    this.edge.speaksTls(this.remoteAddress);
    this.#refuse(replies.noTlsHello);
  }

  override handler_DATA(command: Buffer, callback: () => void): void {
    this.progress.dataAt = performance.now();
    super.handler_DATA(command, callback);
    if (!this._dataStream) this.progress.dataAt = undefined;
  }

  /** Brings the byte count of the message under way up to date. */
  measure(): SessionProgress {
    this.progress.dataBytes = this._parser ? this._parser.dataBytes : 0;
    this.progress.handshake = this._upgrading;
    return this.progress;
  }

  /** True while the client seems to wait for an answer to a message it ended with LF . LF. */
  get waitsAfterBareLf(): boolean {
    return this.progress.dataAt !== undefined && this._parser instanceof EdgeStream && this._parser.endsInBareLfDot;
  }

  /** The message has come to its end and is being stored: from now on its answer may get lost. */
  willAnswer(answer: Answer): void {
    if (this._closed) answer.lost();
    else this.#unconfirmed.push(answer);
    this.#answeredAtByte = Number.POSITIVE_INFINITY;
  }

  /** The message is over and is being answered. */
  messageDone(taken: boolean): void {
    this.progress.dataAt = undefined;
    this.progress.commandAt = performance.now();
    const wasStored = this.#answeredAtByte === Number.POSITIVE_INFINITY;
    this.#answeredAtByte = this._socket.bytesRead;
    if (!taken) {
      // Whatever the client says next is no proof of anything about a message it was not promised.
      if (wasStored) this.#unconfirmed.pop();
      return;
    }
    this.messages++;
    this.#commands = 0;
  }

  /** A client that closes after it has read everything got its answers; any other end leaves them in doubt. */
  override _onCloseEvent(hadError?: boolean): void {
    const read = !hadError && this._socket.readableEnded && this.#answeredAtByte < Number.POSITIVE_INFINITY;
    for (const answer of this.#unconfirmed.splice(0)) read ? answer.confirmed() : answer.lost();
    super._onCloseEvent(hadError);
  }
}

function withOneName(command: Buffer): Buffer {
  const [verb, name = NO_NAME] = command.toString('latin1').trim().split(/\s+/);
  const printable = [...name.slice(0, 255)].filter((char) => char >= ' ' && (char < '\x7f' || char > '\x9f')).join('');
  return Buffer.from(`${verb} ${printable || NO_NAME}`, 'latin1');
}
