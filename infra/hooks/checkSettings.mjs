// Reads the azd environment as the deployed app will read its settings, so that a typing error stops the provisioning.
import '../local/requireNode.mjs';

const { readSettings } = await import('../../functions/wiring/settings.ts');

/** A setting is the azd variable of the same name with this before it (main.parameters.json). */
const PREFIX = 'RELAY_';

const given = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) =>
    name.startsWith(PREFIX) ? [[name.slice(PREFIX.length), value]] : [],
  ),
);

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
  const problems = error.message.replace(/(?<=^ +- )(\w+)/gm, (name) => (name in given ? PREFIX + name : name));
  console.error(`${problems}\nCorrect it with: azd env set NAME VALUE`);
  process.exit(1);
}
