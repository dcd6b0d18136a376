// The shape of the configuration file, its defaults and what each value may be.
import { z } from 'zod';
import { networkProblem } from './clientNetworks.ts';
import { relayUrlProblem } from './relayUrl.ts';

const wholeNumber = (from: number, to: number) => {
  const error = `expected a whole number from ${from} to ${to}`;
  return z.int({ error }).min(from, { error }).max(to, { error });
};

const text = (what: string) => z.string({ error: `expected ${what}` }).min(1, { error: `expected ${what}` });

const network = z.string({ error: 'expected a network' }).superRefine((value, context) => {
  const problem = networkProblem(value);
  if (problem) context.addIssue({ code: 'custom', message: problem, input: value });
});

const listener = z.strictObject({
  host: text('an address of this machine to listen on, such as 0.0.0.0 or 192.168.10.5').meta({
    description: 'Address of this machine to listen on.',
  }),
  port: wholeNumber(0, 65535).meta({ description: 'TCP port; 0 takes any free one.' }),
  clients: z
    .array(network, { error: 'expected a list of networks' })
    .min(1, { error: 'expected at least one network: a listener that serves everyone would be an open relay' })
    .meta({ description: 'Networks (CIDR) that may connect. Everyone else is refused.' }),
});

const spool = z.strictObject({
  directory: text('a directory').meta({ description: 'Where accepted mail is kept; relative to this file.' }),
  minFreeBytes: wholeNumber(0, Number.MAX_SAFE_INTEGER)
    .default(500_000_000)
    .meta({ description: 'Bytes that must stay free on its disk; below that devices are told to come back later.' }),
  quotaBytes: wholeNumber(0, Number.MAX_SAFE_INTEGER)
    .default(0)
    .meta({ description: 'Most bytes of waiting mail; 0 for no limit but the disk.' }),
});

const relay = z.strictObject({
  url: z
    .string({ error: 'expected the base URL of the function app' })
    .superRefine((value, context) => {
      const problem = relayUrlProblem(value);
      if (problem) context.addIssue({ code: 'custom', message: problem, input: value });
    })
    .meta({ description: 'Base URL of the function app, without /api.' }),
  keyVariable: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'expected the name of an environment variable' })
    .default('RELAY_KEY')
    .meta({ description: 'Environment variable that holds the key of this edge.' }),
  parallel: wholeNumber(1, 64).default(8).meta({ description: 'Messages forwarded at the same time.' }),
});

const limits = z
  .strictObject({
    connections: wholeNumber(1, 10_000).default(500).meta({ description: 'Connections at once, in all.' }),
    connectionsPerAddress: wholeNumber(0, 10_000)
      .default(50)
      .meta({ description: 'Connections at once from one address; 0 for no limit.' }),
    recipients: wholeNumber(1, 1000).default(500).meta({ description: 'Recipients of one message.' }),
  })
  .prefault({});

/** The configuration file. Every default is here. */
export const configSchema = z.strictObject({
  name: z
    .string({ error: 'expected a name' })
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, {
      error: 'expected 1 to 63 letters, digits, dots, hyphens or underscores',
    })
    .meta({ description: 'Name of this edge, unique among the edges of one function app.' }),
  spool,
  relay,
  maxMessageBytes: wholeNumber(1000, 150_000_000)
    .default(35_000_000)
    .meta({ description: 'Largest message in bytes; SIZE of EHLO.' }),
  listeners: z
    .array(listener, { error: 'expected a list of listeners' })
    .min(1, { error: 'expected at least one listener' }),
  limits,
});

/** A configuration with every default filled in. */
export type EdgeConfig = z.infer<typeof configSchema>;
/** One entry of `listeners`. */
export type ListenerConfig = EdgeConfig['listeners'][number];
