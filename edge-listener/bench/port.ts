// Ports of servers that are told which one to take.
import net from 'node:net';

/** A port that nobody uses now. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Resolves once somebody listens there. */
export async function reachable(port: number): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = net.connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (open) return;
    if (performance.now() > deadline)
      throw new Error('Nothing listens after ten seconds; is Postfix installed, and are you root?');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
