// `edge-listener send-test --config FILE --to ADDRESS`: one mail through the running edge, by SMTP like a device.
import net from 'node:net';
import { readConfig } from '../config/readConfig.ts';
import { reachOperator } from '../operations/controlClient.ts';
import { readOptions, say, UsageError } from './commandLine.ts';
import { EXIT_CANNOT, EXIT_OK } from './exitCodes.ts';

/** How long the edge has for each answer, and how long for forwarding, in milliseconds. */
const ANSWER_MS = 30_000;
const FORWARD_MS = 60_000;

export async function sendTest(args: string[]): Promise<number> {
  const options = readOptions(args, ['config', 'to', 'from', 'listener']);
  const reading = readConfig(options.needed('config'), process.env, { withoutKey: true });
  if (!reading.ok) throw new UsageError(reading.problems.join('\n'));
  const to = options.needed('to');
  const listener = reading.config.listeners[Number(options.text('listener') ?? 0)];
  if (!listener) throw new UsageError(`--listener: there is no listener ${options.text('listener')}.`);
  if (listener.tls === 'implicit' || listener.auth === 'required')
    throw new UsageError('--listener: expected one that takes plain connections without a login.');
  const host = listener.host === '0.0.0.0' ? '127.0.0.1' : listener.host === '::' ? '::1' : listener.host;
  const from = options.text('from') ?? '';
  const id = await submit({ host, port: listener.port }, from, to, reading.config.name);
  const state = await waitForForwarding(reading.config.spool.directory, id);
  const texts = {
    forwarded: `${id} was taken by the edge and by the function app. Look at the mailbox of ${to}.`,
    failed: `${id} was taken by the edge and refused by the function app: see "queue show ${id}".`,
    queued: `${id} was taken by the edge and still waits for the function app: see its log.`,
  };
  say(options, { id, state }, texts[state]);
  return state === 'forwarded' ? EXIT_OK : EXIT_CANNOT;
}

async function submit(at: { host: string; port: number }, from: string, to: string, edge: string): Promise<string> {
  const socket = net.connect(at);
  socket.setTimeout(ANSWER_MS, () =>
    socket.destroy(new Error(`The edge did not answer within ${ANSWER_MS / 1000} s.`)),
  );
  const header = [`To: <${to}>`, ...(from ? [`From: <${from}>`] : []), `Subject: Test of the mail relay ${edge}`];
  const steps: [number, string][] = [
    [220, 'EHLO send-test\r\n'],
    [250, `MAIL FROM:<${from}>\r\n`],
    [250, `RCPT TO:<${to}>\r\n`],
    [250, 'DATA\r\n'],
    [354, `${header.join('\r\n')}\r\n\r\nThis mail went from the edge ${edge} through the relay.\r\n.\r\n`],
    [250, 'QUIT\r\n'],
  ];
  let text = '';
  try {
    for await (const chunk of socket.setEncoding('latin1') as AsyncIterable<string>) {
      text += chunk;
      const reply = /^(?:\d{3}-[^\r\n]*\r\n)*(\d{3}) ([^\r\n]*)\r\n$/.exec(text);
      if (!reply) continue;
      const [expected, next] = steps.shift()!;
      if (Number(reply[1]) !== expected) throw new Error(`The edge refused the mail: ${reply[1]} ${reply[2]}`);
      const id = /Kept as (\S+)/.exec(reply[2]!)?.[1];
      socket.write(next);
      text = '';
      if (id) return id;
    }
  } finally {
    socket.end();
  }
  throw new Error('The edge closed the connection.');
}

async function waitForForwarding(directory: string, id: string): Promise<'forwarded' | 'failed' | 'queued'> {
  const deadline = performance.now() + FORWARD_MS;
  const { operator, close } = await reachOperator(directory);
  try {
    for (;;) {
      const item = (await operator.list()).find((one) => one.id === id);
      if (!item) return 'forwarded';
      if (item.state === 'failed' || performance.now() > deadline) return item.state;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  } finally {
    await close();
  }
}
