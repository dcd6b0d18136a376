// A client that says exactly what a test wants, byte for byte.
import net from 'node:net';
import tls from 'node:tls';

/** One reply of the server, all its lines. */
export interface Reply {
  readonly code: number;
  readonly text: string;
}

export interface RawClient {
  /** Sends these bytes as they are. */
  write(data: string | Buffer): void;
  /** The next reply; rejects when the connection ends first or after `timeoutMs`. */
  reply(timeoutMs?: number): Promise<Reply>;
  /** Sends a line with CRLF and reads the reply. */
  say(line: string): Promise<Reply>;
  /** Goes on under TLS. */
  startTls(options?: tls.ConnectionOptions): Promise<void>;
  /** Resolves when the server has closed the connection. */
  readonly closed: Promise<void>;
  socket: net.Socket;
  /** Goes away at once, without QUIT. */
  destroy(): void;
}

export async function connectRaw(
  port: number,
  { host = '127.0.0.1', localAddress }: { host?: string; localAddress?: string } = {},
): Promise<RawClient> {
  const socket = net.connect({ port, host, ...(localAddress ? { localAddress } : {}) });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return createRawClient(socket);
}

export function createRawClient(first: net.Socket): RawClient {
  let buffered = '';
  let ended = false;
  let wake: () => void = () => undefined;
  let finish: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => {
    finish = resolve;
  });
  function attach(socket: net.Socket): void {
    socket.setEncoding('latin1');
    socket.on('data', (data: string) => {
      buffered += data;
      wake();
    });
    socket.on('error', () => undefined); // the reader learns of it by the close
    socket.on('close', () => {
      if (client.socket !== socket) return;
      ended = true;
      wake();
      finish();
    });
  }
  const client: RawClient = {
    socket: first,
    closed,
    write: (data) => void client.socket.write(data),
    async reply(timeoutMs = 8000) {
      const deadline = performance.now() + timeoutMs;
      for (;;) {
        const match = /^(?:\d{3}-[^\r\n]*\r\n)*(\d{3})(?: [^\r\n]*)?\r\n/.exec(buffered);
        if (match) {
          buffered = buffered.slice(match[0].length);
          return { code: Number(match[1]), text: match[0].trimEnd() };
        }
        if (ended) throw new Error(`The server closed the connection; left: ${JSON.stringify(buffered)}`);
        const left = deadline - performance.now();
        if (left <= 0) throw new Error(`No reply within ${timeoutMs} ms; so far: ${JSON.stringify(buffered)}`);
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, left);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    },
    say(line) {
      client.write(`${line}\r\n`);
      return client.reply();
    },
    async startTls(options = {}) {
      const plain = client.socket;
      plain.removeAllListeners('data');
      const secure = tls.connect({ socket: plain, rejectUnauthorized: false, ...options });
      client.socket = secure;
      await new Promise<void>((resolve, reject) => {
        secure.once('secureConnect', resolve);
        secure.once('error', reject);
      });
      attach(secure);
    },
    destroy: () => client.socket.destroy(),
  };
  attach(first);
  return client;
}

/** Sends one message the ordinary way; the reply to the end of DATA, or the first refusal. */
export async function sendMail(
  port: number,
  {
    from = 'scanner@example.com',
    to = ['a@example.com'],
    data = 'Subject: test\r\n\r\nhello\r\n',
    host = '127.0.0.1',
  } = {},
): Promise<Reply> {
  const client = await connectRaw(port, { host });
  try {
    for (const line of [undefined, 'EHLO device', `MAIL FROM:<${from}>`, ...to.map((a) => `RCPT TO:<${a}>`), 'DATA']) {
      const reply = line === undefined ? await client.reply() : await client.say(line);
      if (reply.code >= 400) return reply;
    }
    client.write(`${data.replace(/^\./gm, '..')}.\r\n`);
    const reply = await client.reply();
    client.write('QUIT\r\n');
    return reply;
  } finally {
    client.destroy();
  }
}

/** A client that has said EHLO. */
export async function greeted(port: number, localAddress?: string): Promise<RawClient> {
  const client = await connectRaw(port, localAddress ? { localAddress } : {});
  await client.reply();
  await client.say('EHLO x');
  return client;
}
