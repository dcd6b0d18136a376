// Networks in CIDR notation: who may connect at all.
import { BlockList, isIP, isIPv4 } from 'node:net';

/** Answers whether an address lies in one of the configured networks. */
export interface ClientNetworks {
  contains(address: string): boolean;
}

/** Why `text` is not a network, in words for a person; undefined when it is `address/length` or a bare address. */
export function networkProblem(text: string): string | undefined {
  const [address = '', length, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return 'expected a network such as 192.168.10.0/24 or fd00:10::/64';
  const most = family === 4 ? 32 : 128;
  if (length !== undefined && (!/^\d{1,3}$/.test(length) || Number(length) > most))
    return `expected a prefix length from 0 to ${most} after the slash`;
  return undefined;
}

/** A matcher for `networks`, each of which {@link networkProblem} has nothing to say about. */
export function createClientNetworks(networks: readonly string[]): ClientNetworks {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', length] = network.split('/');
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    list.addSubnet(address, length === undefined ? (family === 'ipv4' ? 32 : 128) : Number(length), family);
  }
  return {
    contains(address) {
      const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
      const family = isIP(plain);
      return family !== 0 && list.check(plain, family === 4 ? 'ipv4' : 'ipv6');
    },
  };
}
