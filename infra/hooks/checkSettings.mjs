// Reads the azd environment as the deployed app will read its settings, so that a typing error stops the provisioning.
import '../local/requireNode.mjs';

const { readSettings } = await import('../../functions/wiring/settings.ts');

/** Settings that are an azd variable of the same name with RELAY_ before it. */
const PASSED_ON = [
  'CALLERS',
  'SENDER_RULES',
  'DEFAULT_SENDER',
  'FALLBACK_MAILBOX',
  'POSTMASTER',
  'REDIRECT_ALL_TO',
  'AMBIGUOUS_SEND',
  'MAX_MESSAGE_BYTES',
  'MAX_INSTANCES',
  'DELIVERY',
  'ADDRESS_PRIVACY',
  'GRAPH_BASE_URL',
  'GRAPH_TIMEOUT_SECONDS',
];

const given = Object.fromEntries(PASSED_ON.map((name) => [name, process.env[`RELAY_${name}`]]));

try {
  const settings = readSettings({
    ...given,
    // What the template fills in, with any value of the right form.
    MailStorage__blobServiceUri: 'https://mail.example',
    MailStorage__queueServiceUri: 'https://mail.example',
    GRAPH_CLIENT_ID: '00000000-0000-4000-8000-000000000000',
  });
  if (settings.callers.length === 0)
    console.warn(
      'Nobody may submit mail yet: RELAY_CALLERS is empty. docs/azure.md, "Let the first edge in", says how to fill it.',
    );
  if (settings.REDIRECT_ALL_TO) console.warn(`Pilot mode: every mail will go to ${settings.REDIRECT_ALL_TO}.`);
} catch (error) {
  const names = new RegExp(`(?<=- )(?=(?:${PASSED_ON.join('|')})\\b)`, 'g');
  console.error(`${error.message.replace(names, 'RELAY_')}\nCorrect it with: azd env set NAME VALUE`);
  process.exit(1);
}
