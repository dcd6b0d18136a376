// `edge-listener send-test --config FILE --to ADDRESS`: one mail through the running edge, by SMTP like a device.
import net, { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { createClientNetworks } from '../config/clientNetworks.ts';
import type { ListenerConfig } from '../config/configSchema.ts';
import { reachRunning } from '../operations/controlClient.ts';
import { readOptions, say, UsageError } from './commandLine.ts';
import { EXIT_CANNOT, EXIT_OK } from './exitCodes.ts';
import { offlineConfig } from './offlineConfig.ts';

/** How long the edge has for each answer, and how long for forwarding, in milliseconds. */
const ANSWER_MS = 30_000;
const FORWARD_MS = 60_000;

export async function sendTest(args: string[]): Promise<number> {
  const options = readOptions(args, ['config', 'to', 'from', 'listener']);
  const config = offlineConfig(options);
  const to = options.needed('to');
  const listener = config.listeners[Number(options.text('listener') ?? 0)];
  if (!listener) throw new UsageError(`--listener: there is no listener ${options.text('listener')}.`);
  if (listener.tls === 'implicit' || listener.auth === 'required')
    throw new UsageError('--listener: expected one that takes plain connections without a login.');
  const from = options.text('from') ?? '';
  const id = await submit(pathTo(listener), from, to, config.name);
  const state = await waitForEnd(config.spool.directory, id);
  const texts = {
    forwarded: `${id} was taken by the edge and by the function app. Look at the mailbox of ${to}.`,
    failed: `${id} was taken by the edge and refused by the function app: see "queue show ${id}".`,
    queued: `${id} was taken by the edge and still waits for the function app: see its log.`,
    gone: `${id} was taken by the edge and is gone, but this edge did not forward it: deleted, damaged, or forwarded before a restart. See its log.`,
  };
  say(options, { id, state }, texts[state]);
  return state === 'forwarded' ? EXIT_OK : EXIT_CANNOT;
}

/** From where to where a mail may go on this machine: from an address that the listener serves. */
function pathTo({ host, port, clients }: ListenerConfig): net.TcpNetConnectOpts {
  const networks = createClientNetworks(clients);
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const fits = (address: string) => networks.contains(address) && (host === '::' || isIP(address) === isIP(host));
  const localAddress = own.map(({ address }) => address).find(fits);
  if (!localAddress)
    throw new Error(
      `No address of this machine is in clients of the listener on port ${port} (${clients.join(', ')}): add 127.0.0.1 to it.`,
    );
  const anyOf = host === '0.0.0.0' || host === '::';
  return { host: anyOf ? localAddress : host, port, localAddress };
}

async function submit(at: net.TcpNetConnectOpts, from: string, to: string, edge: string): Promise<string> {
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

/** What became of the mail. Only the running edge knows: a mail that is not in the spool may have been deleted. */
async function waitForEnd(directory: string, id: string): Promise<'forwarded' | 'failed' | 'queued' | 'gone'> {
  const deadline = performance.now() + FORWARD_MS;
  const operator = await reachRunning(directory);
  if (!operator) throw new Error(`The edge took the mail as ${id}, but is not the one with the spool ${directory}.`);
  for (let missed = 0; ; ) {
    const item = (await operator.list()).find((one) => one.id === id);
    if (await operator.wasForwarded(id)) return 'forwarded';
    if (item?.state === 'failed') return 'failed';
    if (!item && ++missed > 1) return 'gone'; // it is said a moment after the mail has left the spool
    if (performance.now() > deadline) return 'queued';
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
