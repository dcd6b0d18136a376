// `edge-listener hash-password`: reads a password from standard input and prints what the configuration holds of it.
import { createInterface } from 'node:readline';
import { hashPassword } from '../policy/passwordHash.ts';
import { readOptions, say } from './commandLine.ts';
import { EXIT_CANNOT, EXIT_OK } from './exitCodes.ts';

export async function hashPasswordCommand(args: string[]): Promise<number> {
  const options = readOptions(args, []);
  if (process.stdin.isTTY) process.stderr.write('Password (it will be seen), then Enter: ');
  const lines = createInterface({ input: process.stdin });
  for await (const password of lines) {
    lines.close();
    if (password === '') break;
    const passwordHash = await hashPassword(password);
    say(options, { passwordHash }, passwordHash);
    return EXIT_OK;
  }
  process.stderr.write('Expected a password on standard input; got nothing.\n');
  return EXIT_CANNOT;
}
