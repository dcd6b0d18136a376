// Who may send as whom to whom: the listener, the device and the user must all agree.
import { type ClientNetworks, createClientNetworks } from '../config/clientNetworks.ts';
import type { DeviceConfig, EdgeConfig, ListenerConfig } from '../config/configSchema.ts';
import { type AddressRules, createAddressRules } from './addressRules.ts';

/** Who is speaking. `user` is empty without a login. */
export interface Speaker {
  readonly address: string;
  readonly user: string;
}

export interface Access {
  /** The entry of `devices` that fits this client, if any. */
  deviceAt(address: string): DeviceConfig | undefined;
  maySendAs(speaker: Speaker, address: string): boolean;
  maySendTo(speaker: Speaker, address: string): boolean;
  /** Whether anything limits whom this client may send as: only then its header has to be read. */
  limitsSenders(speaker: Speaker): boolean;
}

interface Rules {
  readonly senders: AddressRules;
  readonly recipients: AddressRules;
  readonly limitsSenders: boolean;
}

const rulesOf = (source: { senders?: string[] | undefined; recipients?: string[] | undefined }): Rules => ({
  senders: createAddressRules(source.senders),
  recipients: createAddressRules(source.recipients),
  limitsSenders: source.senders !== undefined && !source.senders.includes('*'),
});

/** The rules of one listener. */
export function createAccess(config: EdgeConfig, listener: ListenerConfig): Access {
  const ofListener = rulesOf(listener);
  const ofUsers = new Map(config.users.map((user) => [user.name, rulesOf(user)]));
  const devices: [ClientNetworks, DeviceConfig, Rules][] = config.devices.map((device) => [
    createClientNetworks(device.clients),
    device,
    rulesOf(device),
  ]);
  const find = (address: string) => devices.find(([networks]) => networks.contains(address));
  const all = ({ address, user }: Speaker): Rules[] =>
    [ofListener, find(address)?.[2], user ? ofUsers.get(user) : undefined].filter((rules) => rules !== undefined);
  return {
    deviceAt: (address) => find(address)?.[1],
    maySendAs: (speaker, address) => all(speaker).every((rules) => rules.senders(address)),
    maySendTo: (speaker, address) => all(speaker).every((rules) => rules.recipients(address)),
    limitsSenders: (speaker) => all(speaker).some((rules) => rules.limitsSenders),
  };
}
