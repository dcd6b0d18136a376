// What an administrator has to know of every device before anything can be migrated.
import { readFile, rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';

/** One device, by its address. Lists hold the latest distinct values. */
export interface DeviceRecord {
  readonly address: string;
  readonly firstSeen: string;
  lastSeen: string;
  accepted: number;
  rejected: number;
  bytes: number;
  helo: string;
  /** TLS version of the last message; empty for none. */
  tls: string;
  user: string;
  mechanism: string;
  senders: string[];
  recipientDomains: string[];
  /** Why it was refused, and how often. */
  rejects: Record<string, number>;
}

export type Inventory = ReturnType<typeof createInventory>;

const MOST_DEVICES = 5000;
const MOST_VALUES = 20;

/** Remembers what each device does. `known` is what was read from the file of the last run. */
export function createInventory(now: () => number, known: readonly DeviceRecord[] = []) {
  const devices = new Map(known.map((device) => [device.address, device]));
  let changed = false;

  function at(address: string): DeviceRecord {
    changed = true;
    const time = new Date(now()).toISOString();
    let device = devices.get(address);
    if (!device) {
      const empty = { accepted: 0, rejected: 0, bytes: 0, helo: '', tls: '', user: '', mechanism: '' };
      device = { address, firstSeen: time, lastSeen: time, ...empty, senders: [], recipientDomains: [], rejects: {} };
      if (devices.size >= MOST_DEVICES) devices.delete(leastKnown(devices));
      devices.set(address, device);
    }
    device.lastSeen = time;
    return device;
  }

  return {
    accepted(
      address: string,
      mail: Pick<DeviceRecord, 'helo' | 'tls' | 'user' | 'mechanism' | 'bytes'> & {
        from: string;
        to: readonly string[];
      },
    ): void {
      const device = at(address);
      device.accepted++;
      device.bytes += mail.bytes;
      for (const field of ['helo', 'tls', 'user', 'mechanism'] as const) device[field] = mail[field];
      keep(device.senders, mail.from.toLowerCase());
      for (const to of mail.to) keep(device.recipientDomains, to.slice(to.lastIndexOf('@') + 1).toLowerCase());
    },
    rejected(address: string, reason: string): void {
      const device = at(address);
      device.rejected++;
      const kind = reason.slice(0, 100);
      if (kind in device.rejects || Object.keys(device.rejects).length < MOST_VALUES)
        device.rejects[kind] = (device.rejects[kind] ?? 0) + 1;
    },
    all: (): DeviceRecord[] => [...devices.values()],
    /** Writes the file if anything changed. */
    async save(file: string): Promise<void> {
      if (!changed) return;
      changed = false;
      await writeFile(`${file}.new`, JSON.stringify([...devices.values()]), { mode: 0o600 });
      await rename(`${file}.new`, file);
    },
  };
}

function keep(values: string[], value: string): void {
  if (values.includes(value)) return;
  values.push(value);
  if (values.length > MOST_VALUES) values.shift();
}

/** The first device that never got a mail accepted, else the first: strangers must not drive out real devices. */
function leastKnown(devices: ReadonlyMap<string, DeviceRecord>): string {
  for (const [address, { accepted }] of devices) if (accepted === 0) return address;
  return devices.keys().next().value!;
}

const texts = z.array(z.string());
const record = z.object({
  address: z.string(),
  firstSeen: z.string(),
  lastSeen: z.string(),
  accepted: z.number(),
  rejected: z.number(),
  bytes: z.number(),
  helo: z.string(),
  tls: z.string(),
  user: z.string(),
  mechanism: z.string(),
  senders: texts,
  recipientDomains: texts,
  rejects: z.record(z.string(), z.number()),
});

/** The devices of the last run that can be read, none when the file is missing: it is a record, not a promise. */
export async function readInventory(file: string): Promise<DeviceRecord[]> {
  let records: unknown;
  try {
    records = JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return []; // missing or damaged: it is written anew
  }
  if (!Array.isArray(records)) return [];
  return records.flatMap((one) => record.safeParse(one).data ?? []);
}
