import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { readSettings } from '../../functions/wiring/settings.ts';
import { compiled, deployed, template } from './compiledTemplate.ts';

/** Read by the Functions host, its extensions or the telemetry exporter, not by settings.ts. */
const READ_BY_THE_HOST = [
  'APPLICATIONINSIGHTS_AUTHENTICATION_STRING',
  'APPLICATIONINSIGHTS_CONNECTION_STRING',
  'AzureWebJobsStorage__blobServiceUri',
  'AzureWebJobsStorage__clientId',
  'AzureWebJobsStorage__credential',
  'FUNCTIONS_REQUEST_BODY_SIZE_LIMIT',
  'MailStorage__credential',
];
/** On one machine the host reads these instead. */
const LOCAL_HOST = ['AzureWebJobsStorage', 'FUNCTIONS_REQUEST_BODY_SIZE_LIMIT', 'FUNCTIONS_WORKER_RUNTIME'];
/** Azure has identities in place of these. */
const LOCAL_ONLY = ['MailStorage'];
/** One machine has no identity and no telemetry service. */
const AZURE_ONLY = [
  'APPLICATIONINSIGHTS_AUTHENTICATION_STRING',
  'APPLICATIONINSIGHTS_CONNECTION_STRING',
  'GRAPH_CLIENT_ID',
  'MailStorage__blobServiceUri',
  'MailStorage__clientId',
  'MailStorage__queueServiceUri',
];

/** The names that settings.ts asks its environment for. */
function settingsTheCodeReads(): string[] {
  const asked = new Set<string>();
  const environment = new Proxy<Record<string, string>>(
    {},
    {
      get(_, name) {
        asked.add(String(name));
        return undefined;
      },
    },
  );
  assert.throws(() => readSettings(environment), /MailStorage/);
  return [...asked].sort();
}

/** The names that the template gives a value, or would if its parameter had one. */
function settingsInBicep(): string[] {
  const text = readFileSync('infra/main.bicep', 'utf8');
  const block = /relaySettings: \{\n([\s\S]*?)\n {4}\}/.exec(text)?.[1] ?? '';
  return [...block.matchAll(/^ +(\w+):/gm)].map(([, name]) => name!).sort();
}

const sample = (JSON.parse(readFileSync('local.settings.sample.json', 'utf8')) as { Values: Record<string, string> })
  .Values;

const without = (names: readonly string[], others: readonly string[]) => names.filter((name) => !others.includes(name));

describe('The settings', () => {
  test('in Bicep are those that the code reads', () => {
    const bicep = without(settingsInBicep(), READ_BY_THE_HOST);
    const code = without(settingsTheCodeReads(), [...LOCAL_ONLY, ...READ_BY_THE_HOST]);
    assert.deepEqual(
      without(code, bicep),
      [],
      'read by functions/wiring/settings.ts, not in relaySettings of infra/main.bicep',
    );
    assert.deepEqual(without(bicep, code), [], 'in relaySettings of infra/main.bicep, read by nobody');
  });

  test('in local.settings.sample.json are those that the code reads', () => {
    const local = without(Object.keys(sample).sort(), LOCAL_HOST);
    const code = without(settingsTheCodeReads(), AZURE_ONLY);
    assert.deepEqual(
      without(code, local),
      [],
      'read by functions/wiring/settings.ts, not in local.settings.sample.json',
    );
    assert.deepEqual(without(local, code), [], 'in local.settings.sample.json, read by nobody');
  });

  test('in local.settings.sample.json are accepted by the code', () => {
    assert.equal(readSettings(sample).callers[0]?.name, 'local');
  });
});

describe('The deployed settings', { skip: !compiled }, () => {
  function deployedSettings(parameters = {}): Record<string, string> {
    const app = deployed(parameters).resources.find(({ type }) => type === 'Microsoft.Web/sites');
    const { appSettings } = app!.properties.siteConfig as { appSettings: { name: string; value: string }[] };
    return Object.fromEntries(appSettings.map(({ name, value }) => [name, value]));
  }

  test('are accepted by the code, and leave what nobody chose at its default', () => {
    const given = deployedSettings();
    const settings = readSettings(given);
    assert.equal(settings.callers[0]?.name, 'edge');
    const { MailStorage__blobServiceUri, MailStorage__queueServiceUri, GRAPH_CLIENT_ID, CALLERS } = given;
    const least = { MailStorage__blobServiceUri, MailStorage__queueServiceUri, GRAPH_CLIENT_ID, CALLERS };
    const {
      MailStorage__clientId: _,
      APPLICATIONINSIGHTS_CONNECTION_STRING: __,
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: ___,
      ...chosen
    } = settings;
    assert.deepEqual(chosen, readSettings(least));
  });

  test("besides the relay's own are those of the host", () => {
    const names = Object.keys(deployedSettings());
    const unknown = without(names, [...settingsTheCodeReads(), ...READ_BY_THE_HOST]);
    assert.deepEqual(unknown, []);
  });

  test('offer the choices that the code offers', () => {
    const choices = {
      ambiguousSend: 'AMBIGUOUS_SEND',
      delivery: 'DELIVERY',
      addressPrivacy: 'ADDRESS_PRIVACY',
      largeMail: 'LARGE_MAIL',
      unrewritable: 'UNREWRITABLE',
    };
    for (const [parameter, setting] of Object.entries(choices)) {
      const offered = template?.parameters?.[parameter]?.allowedValues as string[];
      const expected = offered.map((value) => `"${value}"`).join('|');
      assert.throws(
        () => readSettings({ ...sample, [setting]: 'no such' }),
        new RegExp(`${setting}: .*one of ${expected.replaceAll('|', '\\|')}\\s*$`),
      );
    }
  });

  test('follow the parameters', () => {
    const settings = readSettings(
      deployedSettings({
        defaultSender: 'relay@contoso.com',
        senderRules: [],
        delivery: 'paused',
        largeMail: 'on',
        maxMessageBytes: 10_000_000,
        graphBaseUrl: 'https://graph.microsoft.us',
      }),
    );
    assert.equal(settings.DEFAULT_SENDER, 'relay@contoso.com');
    assert.equal(settings.DELIVERY, 'paused');
    assert.equal(settings.MAX_MESSAGE_BYTES, 10_000_000);
    assert.equal(settings.GRAPH_SCOPE, 'https://graph.microsoft.us/.default');
  });
});
