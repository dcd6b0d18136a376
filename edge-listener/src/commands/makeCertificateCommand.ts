// `edge-listener make-certificate --names NAME,… --out DIR`: a certificate for TLS on the LAN.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCertificate } from '../certificate.ts';
import { readOptions, say, UsageError } from './commandLine.ts';
import { EXIT_OK } from './exitCodes.ts';

export async function makeCertificateCommand(args: string[]): Promise<number> {
  const options = readOptions(args, ['names', 'days', 'out'], ['force']);
  const names = options
    .needed('names')
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
  const days = Number(options.text('days') ?? 825);
  if (!Number.isInteger(days) || days < 1 || days > 36_500) throw new UsageError('--days: expected 1 to 36500.');
  if (names.length === 0 || names.some((name) => !/^[A-Za-z0-9.:_-]+$/.test(name)))
    throw new UsageError('--names: expected host names or addresses, separated by commas.');
  const directory = options.text('out') ?? '.';
  if (!existsSync(directory)) throw new UsageError(`--out: expected a directory that is there; got ${directory}.`);
  const { certificate, key } = makeCertificate({ names, days });
  const files = { certificateFile: join(directory, 'edge.pem'), keyFile: join(directory, 'edge.key') };
  const flag = options.has('force') ? 'w' : 'wx';
  writeFileSync(files.keyFile, key, { mode: 0o600, flag });
  writeFileSync(files.certificateFile, certificate, { flag });
  say(options, { ...files, days }, `Wrote ${files.certificateFile} and ${files.keyFile}, good for ${days} days.`);
  return EXIT_OK;
}
