// One SMTP session: smtp-server's, with what real devices need and what the relay wants to say differently.
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';
import { parseAddressCommand } from './addressCommand.ts';
import { EdgeStream } from './edgeStream.ts';

const ENHANCED_STATUS = /^[245]\.\d{1,3}\.\d{1,3} /;

export class EdgeConnection extends SMTPConnection {
  /**
   * Greets at once. The library waits 100 ms to catch clients that talk before the banner; a printer that connects
   * anew for every mail would get nine a second, and some devices do talk first and mean no harm.
   */
  override init(): void {
    this._setListeners(() => this.connectionReady());
  }

  /** The parser with a DATA phase of our own. */
  override _createParser(): EdgeStream {
    const { maxCommandLength } = this._server.options;
    const parser = new EdgeStream({ maxCommandLength, bareLfEnd: this.bareLfEnd });
    parser.oncommand = (command, next) => this._onCommand(command, next);
    parser.on('error', (error) => this.send(421, `Error: ${error.message}`));
    return parser;
  }

  /** Whether LF . LF ends a message on this connection. The constructor of the library asks already. */
  get bareLfEnd(): boolean {
    return false;
  }

  /** A text of ours brings its own enhanced status code; the library would put a generic one before it. */
  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    super.send(code, data, typeof data === 'string' && ENHANCED_STATUS.test(data) ? false : context);
  }

  /** Addresses stay as the client spelt them: the library would turn punycode domains into Unicode. */
  override _parseAddressCommand(name: string, command: Buffer | string): ReturnType<typeof parseAddressCommand> {
    return parseAddressCommand(name, command.toString('latin1'));
  }
}
