// Passwords of devices: kept as scrypt hashes only.
import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/** Cost of a hash: 16 MB and some 40 ms; a guess costs the guesser the same as us. */
const COST = { N: 16_384, r: 8, p: 1 };
const LENGTH = 32;

/** The text for `passwordHash` in the configuration: `scrypt$N$r$p$salt$hash`, base64. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt, COST, LENGTH);
  return ['scrypt', COST.N, COST.r, COST.p, salt.toString('base64'), key.toString('base64')].join('$');
}

/** Why `text` is not such a hash, in words for a person; undefined when it is. */
export function passwordHashProblem(text: string): string | undefined {
  return parse(text) ? undefined : 'expected a hash made by "edge-listener hash-password"';
}

/**
 * A check of passwords that answers a right one at once when it was right before: a printer logs in for every page.
 * What is remembered is a keyed digest, in memory only. At most two hashes are computed at a time.
 */
export function createPasswordCheck(): (hash: string, password: string) => Promise<boolean> {
  const key = randomBytes(32);
  const known = new Set<string>();
  const queue: (() => void)[] = [];
  let running = 0;

  async function verify(hash: string, password: string): Promise<boolean> {
    const parsed = parse(hash);
    if (!parsed) return false;
    if (running >= 2) await new Promise<void>((resolve) => queue.push(resolve));
    running++;
    try {
      return timingSafeEqual(await derive(password, parsed.salt, parsed, parsed.key.length), parsed.key);
    } finally {
      running--;
      queue.shift()?.();
    }
  }

  return async (hash, password) => {
    const digest = createHmac('sha256', key).update(`${hash}\0${password}`).digest('base64');
    if (known.has(digest)) return true;
    const right = await verify(hash, password);
    if (right) {
      if (known.size > 1000) known.clear();
      known.add(digest);
    }
    return right;
  };
}

function parse(text: string) {
  const [kind, N, r, p, salt, key, ...rest] = text.split('$');
  if (kind !== 'scrypt' || rest.length > 0 || !salt || !key) return undefined;
  const cost = { N: Number(N), r: Number(r), p: Number(p) };
  const sane =
    isWhole(Math.log2(cost.N), 10, 20) && // scrypt takes powers of two only
    isWhole(cost.r, 1, 32) &&
    isWhole(cost.p, 1, 16);
  const bytes = Buffer.from(key, 'base64');
  return sane && bytes.length >= 16 ? { ...cost, salt: Buffer.from(salt, 'base64'), key: bytes } : undefined;
}

function isWhole(value: number, from: number, to: number): boolean {
  return Number.isInteger(value) && value >= from && value <= to;
}

function derive(
  password: string,
  salt: Buffer,
  { N, r, p }: { N: number; r: number; p: number },
  length: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    scrypt(password, salt, length, { N, r, p, maxmem: 256 * N * r }, (error, key) =>
      error ? reject(error) : resolve(key),
    ),
  );
}
