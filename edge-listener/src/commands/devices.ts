// `edge-listener devices --config FILE`: every device that has spoken to this edge, and what it does.
import { createClientNetworks } from '../config/clientNetworks.ts';
import { reachOperator } from '../operations/controlClient.ts';
import { readOptions, say, table } from './commandLine.ts';
import { EXIT_OK } from './exitCodes.ts';
import { offlineConfig } from './offlineConfig.ts';

export async function devices(args: string[]): Promise<number> {
  const options = readOptions(args, ['config']);
  const config = offlineConfig(options);
  const named = config.devices.map(({ name, clients }) => ({ name, networks: createClientNetworks(clients) }));
  const { operator, close } = await reachOperator(config.spool.directory);
  try {
    const known = (await operator.devices())
      .sort((a, b) => (a.lastSeen < b.lastSeen ? 1 : -1))
      .map((device) => ({
        name: named.find(({ networks }) => networks.contains(device.address))?.name ?? '',
        ...device,
      }));
    const rows = known.map((device) => [
      device.address,
      device.name,
      device.helo,
      String(device.accepted),
      String(device.rejected),
      String(device.bytes),
      device.tls || '-',
      device.user ? `${device.user} (${device.mechanism})` : '-',
      device.senders.join(' '),
      device.recipientDomains.join(' '),
      device.firstSeen,
      device.lastSeen,
      Object.entries(device.rejects)
        .map(([reason, count]) => `${count} x ${reason}`)
        .join('; '),
    ]);
    const head = [
      'ADDRESS',
      'NAME',
      'HELO',
      'MAILS',
      'REFUSED',
      'BYTES',
      'TLS',
      'USER',
      'SENDERS',
      'TO DOMAINS',
      'FIRST SEEN',
      'LAST SEEN',
      '',
    ];
    say(options, known, known.length === 0 ? 'No device has spoken to this edge yet.' : table(head, rows));
    return EXIT_OK;
  } finally {
    await close();
  }
}
