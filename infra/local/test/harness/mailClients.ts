import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { findProgram } from './findProgram.ts';

/** SMTP clients that are not ours; each sends the bytes of a file as they are. */
export interface MailClient {
  readonly name: string;
  /** Resolves once the server has said 250. */
  send(options: MailOptions): Promise<void>;
}

export interface MailOptions {
  readonly port: number;
  readonly from: string;
  readonly to: readonly string[];
  /** Holds the message. */
  readonly file: string;
  /** Longest it may take, in milliseconds. */
  readonly withinMs?: number;
}

const PYTHON = `import smtplib, sys
port, sender, recipients, file = sys.argv[1:]
with smtplib.SMTP('127.0.0.1', int(port)) as smtp:
    smtp.sendmail(sender, recipients.split(','), open(file, 'rb').read())`;

const run = promisify(execFile);

/** The clients that are installed here. */
export function installedMailClients(): MailClient[] {
  const clients: MailClient[] = [];
  const add = (program: string, args: (options: MailOptions) => Promise<string[]> | string[]) => {
    const path = findProgram(program);
    if (!path) return;
    clients.push({
      name: program,
      send: async (options) => void (await run(path, await args(options), { timeout: options.withinMs ?? 30_000 })),
    });
  };
  add('swaks', async ({ port, from, to, file }) => [
    ...['--server', `127.0.0.1:${port}`, '--from', from, '--to', to.join(','), '--silent', '2'],
    ...['--data', `@${await stuff(file)}`, '--no-data-fixup'],
  ]);
  add('curl', ({ port, from, to, file }) => [
    ...['--silent', '--show-error', '--fail', `smtp://127.0.0.1:${port}`, '--mail-from', from],
    ...to.flatMap((address) => ['--mail-rcpt', address]),
    ...['--upload-file', file],
  ]);
  add('python3', ({ port, from, to, file }) => ['-c', PYTHON, String(port), from, to.join(','), file]);
  return clients;
}

/** The message as it goes over the wire (RFC 5321 section 4.5.2): what swaks does itself adds an empty line. */
async function stuff(file: string): Promise<string> {
  const message = await readFile(file, 'latin1');
  await writeFile(`${file}.data`, `${message.replace(/^\./gm, '..')}.\r\n`, 'latin1');
  return `${file}.data`;
}
