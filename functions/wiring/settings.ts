/** Every setting the function app reads, in one place: app settings in Azure, local.settings.json on one machine. */
import { z } from 'zod';
import { addressProblem } from '../contract/mailAddress.ts';
import { senderRulesSchema } from '../mail/senderRules.ts';
import { type Caller, callerContradictions, callersSchema } from './callers.ts';

const ADDRESS = z.string().superRefine((address, context) => {
  const problem = addressProblem(address);
  if (problem) context.addIssue(`expected an address such as relay@contoso.com; ${problem}`);
});
const WHOLE = z.string().regex(/^\d+$/, 'expected a whole number').transform(Number);
const HTTP_URL = z.url({ protocol: /^https?$/, error: 'expected an http(s) URL' });

/** A JSON text whose value is read by `schema`. */
function json<T extends z.ZodType>(schema: T) {
  return z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch (error) {
        context.addIssue(`expected JSON: ${(error as Error).message}`);
        return z.NEVER;
      }
    })
    .pipe(schema);
}

const settingsSchema = z.object({
  /** Storage account of the mail: a connection string (local), or the `__…ServiceUri` pair with an identity (Azure). */
  MailStorage: z.string().optional(),
  MailStorage__blobServiceUri: HTTP_URL.optional(),
  MailStorage__queueServiceUri: HTTP_URL.optional(),
  MailStorage__clientId: z.guid().optional(),
  /** Root of Microsoft Graph; differs in national clouds and in the sandbox. */
  GRAPH_BASE_URL: HTTP_URL.default('https://graph.microsoft.com'),
  GRAPH_SCOPE: z.string().default('https://graph.microsoft.com/.default'),
  /** Who signs in to Graph: the managed identity, or nobody (the sandbox takes any token). Never a developer's login. */
  GRAPH_CREDENTIAL: z.enum(['managedIdentity', 'none']).default('managedIdentity'),
  /** Client id of the user-assigned identity that has the permission to send. */
  GRAPH_CLIENT_ID: z.guid().optional(),
  /** Longest one call to Graph may take before it counts as "unknown outcome". */
  GRAPH_TIMEOUT_SECONDS: WHOLE.pipe(z.int().min(1).max(600)).default(100),
  CALLERS: json(callersSchema).default({}),
  /** Tenant whose applications may call with an access token instead of a key. Without it only keys count. */
  ENTRA_TENANT_ID: z.guid().optional(),
  /** What those tokens are for, separated by commas: the app registration's client id and, for v1 tokens, its URI. */
  ENTRA_AUDIENCE: z
    .string()
    .transform((list) => list.split(',').map((audience) => audience.trim()))
    .pipe(z.array(z.string().min(1, 'expected no empty audience')))
    .optional(),
  /** Root of the sign-in service; differs in national clouds. */
  ENTRA_AUTHORITY: HTTP_URL.transform((url) => url.replace(/\/+$/, '')).default('https://login.microsoftonline.com'),
  SENDER_RULES: json(senderRulesSchema).default([]),
  /** Sends what names no usable sender. */
  DEFAULT_SENDER: ADDRESS.optional(),
  /** Sends where the chosen mailbox does not exist or may not; the old From becomes Reply-To. */
  FALLBACK_MAILBOX: ADDRESS.optional(),
  /** Gets the reports that cannot go to a sender. */
  POSTMASTER: ADDRESS.optional(),
  /** Pilot mode: every mail goes to this address instead of its recipients. */
  REDIRECT_ALL_TO: ADDRESS.optional(),
  /**
   * What to do when nobody knows whether Graph sent a mail: send again (at least once), keep it for a person (at most
   * once), or look into the mailbox first (needs the permission to read mail).
   */
  AMBIGUOUS_SEND: z.enum(['resend', 'hold', 'check']).default('resend'),
  /** Most bytes of a message. Without LARGE_MAIL it is never more than {@link MAX_SMALL_MAIL_BYTES}. */
  MAX_MESSAGE_BYTES: WHOLE.pipe(z.int().min(1000).max(150_000_000)).default(35_000_000),
  /** Whether mail above 3 MB goes as a draft with upload sessions; needs the permission to write mail. */
  LARGE_MAIL: z.enum(['on', 'off']).default('off'),
  /** What becomes of large mail that a draft would damage: it goes as an attachment of a short note, or fails. */
  UNREWRITABLE: z.enum(['attach', 'fail']).default('attach'),
  /** Further hosts that upload URLs may name, separated by commas; one that starts with a dot stands for all below. */
  GRAPH_UPLOAD_HOSTS: z
    .string()
    .regex(/^\s*\.?[a-z0-9.-]+(?:\s*,\s*\.?[a-z0-9.-]+)*\s*$/i, 'expected host names, separated by commas')
    .transform((hosts) => hosts.split(',').map((host) => host.trim().toLowerCase()))
    .default([]),
  /** Most instances (Azure) or workers (local) that may send at once; Graph's limit per mailbox is shared among them. */
  MAX_INSTANCES: WHOLE.pipe(z.int().min(1).max(1000)).default(4),
  /** `paused` keeps accepting and stops sending. */
  DELIVERY: z.enum(['on', 'paused']).default('on'),
  /** How addresses appear in telemetry. */
  ADDRESS_PRIVACY: z.enum(['full', 'domain', 'hash']).default('domain'),
  /** The Application Insights component that telemetry goes to; the Functions host reads it too. */
  APPLICATIONINSIGHTS_CONNECTION_STRING: z
    .string()
    .regex(
      /^(?:.*;)?InstrumentationKey=[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?:;.*)?$/,
      'expected InstrumentationKey=…;IngestionEndpoint=https://…',
    )
    .optional(),
  /** Who sends telemetry, where the component takes no keys: a managed identity, in the form that the host prescribes. */
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: z
    .string()
    .regex(/^Authorization=AAD(?:;ClientId=[0-9a-f-]{36})?$/i, 'expected Authorization=AAD;ClientId=…')
    .transform((text): { readonly clientId: string | undefined } => ({ clientId: /ClientId=(.*)$/i.exec(text)?.[1] }))
    .optional(),
});

/** What fits into one request with everything that the header may still gain. */
export const MAX_SMALL_MAIL_BYTES = 2_980_000;

export interface Settings extends Omit<z.infer<typeof settingsSchema>, 'CALLERS'> {
  readonly callers: readonly Caller[];
}

/**
 * Reads the settings from environment variables. Throws one error that names every wrong setting, what was expected
 * and what was found; secrets are not shown.
 */
export function readSettings(env: Record<string, string | undefined>): Settings {
  const given = Object.fromEntries(
    Object.keys(settingsSchema.shape).flatMap((name) => {
      const value = env[name]?.trim();
      return value ? [[name, value]] : [];
    }),
  );
  const result = settingsSchema.safeParse(given);
  const problems = result.success
    ? contradictions(result.data)
    : result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  if (!result.success || problems.length > 0)
    throw new Error(`The settings cannot be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  const { CALLERS, ...rest } = result.data;
  const mostBytes = rest.LARGE_MAIL === 'on' ? rest.MAX_MESSAGE_BYTES : MAX_SMALL_MAIL_BYTES;
  const MAX_MESSAGE_BYTES = Math.min(rest.MAX_MESSAGE_BYTES, mostBytes);
  return { ...rest, MAX_MESSAGE_BYTES, callers: Object.entries(CALLERS).map(([name, rules]) => ({ ...rules, name })) };
}

function contradictions(settings: z.infer<typeof settingsSchema>): string[] {
  const problems: string[] = [];
  const { MailStorage, MailStorage__blobServiceUri, MailStorage__queueServiceUri } = settings;
  if (!MailStorage && !(MailStorage__blobServiceUri && MailStorage__queueServiceUri))
    problems.push(
      'MailStorage: expected a connection string, or MailStorage__blobServiceUri and MailStorage__queueServiceUri',
    );
  if (settings.GRAPH_CREDENTIAL === 'managedIdentity' && !settings.GRAPH_CLIENT_ID)
    problems.push(
      'GRAPH_CLIENT_ID: expected the client id of the identity, because GRAPH_CREDENTIAL is managedIdentity',
    );
  problems.push(...graphContradictions(settings));
  const { protocol, hostname } = new URL(settings.ENTRA_AUTHORITY);
  if (protocol !== 'https:' && hostname !== '127.0.0.1')
    problems.push('ENTRA_AUTHORITY: expected https: who answers there decides who may send');
  if (!settings.ENTRA_TENANT_ID !== !settings.ENTRA_AUDIENCE)
    problems.push('ENTRA_TENANT_ID, ENTRA_AUDIENCE: expected both or neither');
  problems.push(...callerContradictions(settings.CALLERS, settings.GRAPH_CREDENTIAL === 'managedIdentity'));
  const byToken = Object.entries(settings.CALLERS).find(([, caller]) => caller.applicationIds.length > 0);
  if (byToken && !settings.ENTRA_TENANT_ID)
    problems.push(`ENTRA_TENANT_ID: expected a tenant, because caller ${byToken[0]} has application ids`);
  return problems;
}

/** Microsoft Graph in its clouds (https://learn.microsoft.com/graph/deployments): no token of one is good in another. */
const GRAPH_HOSTS = [
  'graph.microsoft.com',
  'graph.microsoft.us',
  'dod-graph.microsoft.us',
  'microsoftgraph.chinacloudapi.cn',
];
const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;

function graphContradictions(settings: z.infer<typeof settingsSchema>): string[] {
  const problems: string[] = [];
  const base = new URL(settings.GRAPH_BASE_URL);
  if (settings.GRAPH_CREDENTIAL === 'managedIdentity' && base.protocol !== 'https:' && !LOOPBACK.test(base.hostname))
    problems.push('GRAPH_BASE_URL: expected https: the token and the mail go there');
  const scope = URL.canParse(settings.GRAPH_SCOPE) ? new URL(settings.GRAPH_SCOPE).hostname : '';
  if (scope !== base.hostname && [scope, base.hostname].every((host) => GRAPH_HOSTS.includes(host)))
    problems.push(
      `GRAPH_BASE_URL, GRAPH_SCOPE: expected the same cloud, found ${base.hostname} and ${scope}: Graph would take no token`,
    );
  return problems;
}
