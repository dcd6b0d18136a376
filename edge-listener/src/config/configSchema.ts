// The shape of the configuration file, its defaults and what each value may be.
import { z } from 'zod';
import { addressProblem } from '../../../functions/contract/mailAddress.ts';
import { isEdgeName } from '../../../functions/contract/relayProtocol.ts';
import { addressRuleProblem } from '../policy/addressRules.ts';
import { passwordHashProblem } from '../policy/passwordHash.ts';
import { networkProblem } from './clientNetworks.ts';
import { authorityProblem, relayUrlProblem } from './relayUrl.ts';

const wholeNumber = (from: number, to: number) => {
  const error = `expected a whole number from ${from} to ${to}`;
  return z.int({ error }).min(from, { error }).max(to, { error });
};

const text = (what: string) => z.string({ error: `expected ${what}` }).min(1, { error: `expected ${what}` });

/** A text that `problemOf` has nothing to say about. */
const checked = (what: string, problemOf: (value: string) => string | undefined) =>
  z.string({ error: `expected ${what}` }).superRefine((value, context) => {
    const problem = problemOf(value);
    if (problem) context.addIssue({ code: 'custom', message: problem, input: value });
  });

const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, { error: `expected one of ${values.join(', ')}` });

const yesOrNo = z.boolean({ error: 'expected true or false' });
const network = checked('a network', networkProblem);
const networks = z.array(network, { error: 'expected a list of networks' });
const addressRules = z.array(checked('a rule', addressRuleProblem), { error: 'expected a list of rules' });
const senders = addressRules
  .optional()
  .meta({ description: 'Senders allowed, in the envelope and in From and Sender: "*", "@example.com", an address.' });
const recipients = addressRules.optional().meta({ description: 'Recipients allowed, written like senders.' });
const domain = z.string().regex(/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/i, { error: 'expected a domain such as example.com' });

const mailbox = checked('an address', (value) => {
  const problem = addressProblem(value);
  return problem && `expected an address; ${problem}`;
});

const certificate = z.strictObject({
  certificateFile: text('a PEM file').meta({ description: 'Certificate and its chain, PEM.' }),
  keyFile: text('a PEM file').meta({ description: 'Private key, PEM.' }),
});

const listener = z.strictObject({
  host: text('an address of this machine to listen on, such as 0.0.0.0 or 192.168.10.5').meta({
    description: 'Address of this machine to listen on.',
  }),
  port: wholeNumber(0, 65535).meta({ description: 'TCP port; 0 takes any free one.' }),
  clients: networks
    .min(1, { error: 'expected at least one network: a listener that serves everyone would be an open relay' })
    .meta({ description: 'Networks (CIDR) that may connect. Everyone else is refused.' }),
  tls: oneOf(['none', 'starttls', 'implicit', 'auto'])
    .default('none')
    .meta({ description: 'auto: plain, STARTTLS and TLS from the first byte on one port.' }),
  certificate: certificate.optional().meta({ description: 'Certificate of this listener; else the common one.' }),
  legacyTls: yesOrNo
    .default(false)
    .meta({ description: 'Also TLS 1.0 and 1.1 with old ciphers, for devices that know nothing newer.' }),
  auth: oneOf(['none', 'optional', 'required']).default('none').meta({ description: 'Login with PLAIN or LOGIN.' }),
  authBeforeTls: yesOrNo
    .default(false)
    .meta({ description: 'Take passwords without TLS. Anyone on the network can read them.' }),
  oldAuthSyntax: yesOrNo
    .default(false)
    .meta({ description: 'Offer logins by AUTH= as well, for very old clients that look for nothing else.' }),
  senders,
  recipients,
});

const user = z.strictObject({
  name: text('a user name'),
  passwordHash: checked('a hash', passwordHashProblem).meta({
    description: 'Made by "edge-listener hash-password".',
  }),
  senders,
  recipients,
});

const device = z.strictObject({
  name: text('a name').meta({ description: 'What people call it; shown in the inventory.' }),
  clients: networks.min(1, { error: 'expected at least one address or network' }).meta({
    description: 'Address or networks of the device or devices. The first entry that fits a client counts.',
  }),
  sender: mailbox.optional().meta({ description: 'Envelope sender of its mail, whatever it says itself.' }),
  senders,
  recipients,
  bareLfEnd: yesOrNo.default(false).meta({ description: 'It ends its messages with LF . LF instead of CRLF . CRLF.' }),
  recipientLists: yesOrNo.default(false).meta({
    description: 'It names many recipients in one RCPT TO, separated by commas or semicolons: all are taken, or none.',
  }),
  messagesPerMinute: wholeNumber(0, 100_000)
    .optional()
    .meta({ description: 'Messages a minute; 0 for no limit. Beyond it the device is told to come back later.' }),
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
  url: checked('the base URL of the function app', relayUrlProblem).meta({
    description: 'Base URL of the function app, without /api.',
  }),
  keyVariable: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'expected the name of an environment variable' })
    .default('RELAY_KEY')
    .meta({ description: 'Environment variable that holds the key of this edge.' }),
  entra: z
    .union(
      [
        z.strictObject({
          scope: text('a scope such as api://my-relay/.default'),
          managedIdentity: z.literal(true),
          clientId: text('an id').optional().meta({ description: 'Of a user-assigned identity.' }),
        }),
        z.strictObject({
          scope: text('a scope such as api://my-relay/.default'),
          tenantId: text('an id'),
          clientId: text('an id'),
          certificateFile: text('a PEM file').meta({ description: 'Certificate and private key of the application.' }),
          authority: checked('the URL of an authority', authorityProblem)
            .optional()
            .meta({ description: 'Of a national cloud, such as https://login.microsoftonline.us.' }),
        }),
      ],
      { error: 'expected scope with managedIdentity: true, or scope, tenantId, clientId and certificateFile' },
    )
    .optional()
    .meta({
      description: 'Microsoft Entra instead of a key: a certificate, or the managed identity of an Arc machine.',
    }),
  compress: oneOf(['auto', 'never'])
    .default('auto')
    .meta({ description: 'auto: bodies are compressed when that pays and the function app is not on this machine.' }),
  parallel: wholeNumber(1, 64).default(8).meta({ description: 'Messages forwarded at the same time.' }),
});

const limits = z
  .strictObject({
    connections: wholeNumber(1, 10_000).default(500).meta({ description: 'Connections at once, in all.' }),
    connectionsPerAddress: wholeNumber(0, 10_000)
      .default(50)
      .meta({ description: 'Connections at once from one address; 0 for no limit.' }),
    recipients: wholeNumber(1, 1000).default(500).meta({ description: 'Recipients of one message.' }),
    messagesPerMinute: wholeNumber(0, 100_000)
      .default(0)
      .meta({ description: 'Messages a minute from one address; 0 for no limit.' }),
    messagesPerConnection: wholeNumber(1, 1_000_000)
      .default(10_000)
      .meta({ description: 'Messages on one connection.' }),
    errorsPerConnection: wholeNumber(1, 10_000)
      .default(20)
      .meta({ description: 'Refusals before the connection ends.' }),
    authFailures: wholeNumber(0, 1000)
      .default(3)
      .meta({ description: 'Wrong passwords before an address is banned for a while, ever longer; 0 never bans.' }),
    commandSeconds: wholeNumber(5, 3600).default(300).meta({ description: 'Longest wait for the next command.' }),
    handshakeSeconds: wholeNumber(1, 600).default(60).meta({ description: 'Longest time for a TLS handshake.' }),
    messageSeconds: wholeNumber(5, 86_400).default(3600).meta({ description: 'Longest time for one message.' }),
    minBytesPerSecond: wholeNumber(0, 1_000_000)
      .default(100)
      .meta({ description: 'Slowest message, averaged over a minute or more; 0 for no limit.' }),
    repeatMinutes: wholeNumber(0, 1440).default(10).meta({
      description: 'A message repeated by a device within this time, because its answer got lost, goes once.',
    }),
  })
  .prefault({});

const operations = z
  .strictObject({
    host: text('an address of this machine').default('127.0.0.1').meta({ description: 'Address to listen on.' }),
    port: wholeNumber(0, 65535).meta({ description: 'TCP port of /metrics, /healthz and /readyz.' }),
  })
  .optional()
  .meta({ description: 'Metrics and health for monitoring on this machine.' });

/** The configuration file, field by field; `crossChecks.ts` says what they ask of each other. Every default is here. */
export const configSchema = z.strictObject({
  name: checked('a name', (value) =>
    isEdgeName(value) ? undefined : 'expected 1 to 63 letters, digits, and inner dots, hyphens or underscores',
  ).meta({ description: 'Name of this edge, unique among the edges of one function app.' }),
  spool,
  relay,
  maxMessageBytes: wholeNumber(1000, 150_000_000)
    .default(35_000_000)
    .meta({ description: 'Largest message in bytes; SIZE of EHLO.' }),
  defaultDomain: domain.optional().meta({ description: 'Completes addresses without a domain, such as <printer>.' }),
  certificate: certificate.optional().meta({ description: 'Certificate of every listener without its own.' }),
  listeners: z
    .array(listener, { error: 'expected a list of listeners' })
    .min(1, { error: 'expected at least one listener' }),
  users: z.array(user, { error: 'expected a list of users' }).default([]),
  devices: z.array(device, { error: 'expected a list of devices' }).default([]),
  limits,
  operations,
  postmaster: mailbox.optional().meta({
    description:
      'Sender of the reports about mail that finally failed; gets a copy of each, and those about mail without a sender.',
  }),
});

/** A configuration with every default filled in. */
export type EdgeConfig = z.infer<typeof configSchema>;
/** One entry of `listeners`. */
export type ListenerConfig = EdgeConfig['listeners'][number];
/** One entry of `devices`. */
export type DeviceConfig = EdgeConfig['devices'][number];
/** How the edge gets tokens, when it uses no key. */
export type EntraConfig = NonNullable<EdgeConfig['relay']['entra']>;
/** A certificate and its key, as files. */
export type CertificateConfig = NonNullable<EdgeConfig['certificate']>;
