// Postfix's smtp-sink: says 250 and keeps nothing. What it takes is the most that the load and the machine allow.
import { spawn } from 'node:child_process';
import type { Contender } from './bench.ts';
import { freePort, reachable } from './port.ts';

export async function startSink(): Promise<Contender> {
  const port = await freePort();
  const child = spawn('smtp-sink', ['-u', 'postfix', `127.0.0.1:${port}`, '1000'], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await reachable(port);
  return {
    name: 'smtp-sink',
    port,
    pid: child.pid!,
    async stop() {
      child.kill();
      await ended;
    },
  };
}
