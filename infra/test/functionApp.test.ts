import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { compiled, deployed, EVERYTHING } from './compiledTemplate.ts';
import { registeredFunctions } from './registeredFunctions.ts';

/** Settings that Flex Consumption refuses or ignores (Azure Functions: "Flex Consumption plan deprecations"). */
const FORBIDDEN_SETTINGS =
  /^(?:FUNCTIONS_EXTENSION_VERSION|FUNCTIONS_WORKER_RUNTIME(?:_VERSION)?|FUNCTIONS_WORKER_PROCESS_COUNT|FUNCTIONS_MAX_HTTP_CONCURRENCY|ENABLE_ORYX_BUILD|SCM_DO_BUILD_DURING_DEPLOYMENT|WEBSITE_RUN_FROM_PACKAGE|WEBSITE_NODE_DEFAULT_VERSION|WEBSITE_TIME_ZONE|WEBSITE_VNET_ROUTE_ALL|WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT|WEBSITE_CONTENT\w*|WEBSITE_SKIP_CONTENTSHARE_VALIDATION|WEBSITE_USE_PLACEHOLDER\w*|TZ)$/;
const FORBIDDEN_CONFIG = [
  'alwaysOn',
  'linuxFxVersion',
  'windowsFxVersion',
  'ftpsState',
  'vnetRouteAllEnabled',
  'functionAppScaleLimit',
  'minimumElasticInstanceCount',
  'preWarmedInstanceCount',
  'javaVersion',
  'nodeVersion',
  'use32BitWorkerProcess',
  'containerRegistryUseManagedIdentityCreds',
];

interface Site {
  httpsOnly: boolean;
  virtualNetworkSubnetId: string | null;
  siteConfig: Record<string, unknown> & {
    appSettings: { name: string; value: string }[];
    ipSecurityRestrictions: { action: string; ipAddress: string; priority: number }[];
  };
  functionAppConfig: {
    runtime: { name: string; version: string };
    deployment: { storage: { type: string; value: string; authentication: { type: string } } };
    scaleAndConcurrency: { maximumInstanceCount: number; alwaysReady: { name: string; instanceCount: number }[] };
  };
}

function app(parameters = {}): Site {
  return deployed(parameters).resources.find(({ type }) => type === 'Microsoft.Web/sites')!
    .properties as unknown as Site;
}

const settings = (parameters = {}) =>
  new Map(app(parameters).siteConfig.appSettings.map(({ name, value }) => [name, value]));

describe('The function app', { skip: !compiled }, () => {
  test('is reached over https with TLS 1.2 alone, and published to by token alone', () => {
    const site = app();
    assert.equal(site.httpsOnly, true);
    assert.equal(site.siteConfig.minTlsVersion, '1.2');
    assert.equal(site.siteConfig.scmMinTlsVersion, '1.2');
    const policies = deployed().resources.filter(({ type }) => type.endsWith('/basicPublishingCredentialsPolicies'));
    assert.deepEqual(
      policies.map(({ properties }) => properties),
      [{ allow: false }, { allow: false }],
    );
  });

  test('connects to storage and telemetry as the identity, with no secret among its settings', () => {
    const given = settings();
    assert.ok(!given.has('AzureWebJobsStorage') && !given.has('MailStorage'));
    for (const connection of ['AzureWebJobsStorage', 'MailStorage']) {
      assert.equal(given.get(`${connection}__credential`), 'managedidentity');
      assert.equal(given.get(`${connection}__clientId`), given.get('GRAPH_CLIENT_ID'));
      assert.match(given.get(`${connection}__blobServiceUri`) ?? '', /^https:/);
    }
    assert.match(
      given.get('APPLICATIONINSIGHTS_AUTHENTICATION_STRING') ?? '',
      /^Authorization=AAD;ClientId=[0-9a-f-]{36}$/,
    );
    for (const [name, value] of given) assert.doesNotMatch(value, /AccountKey=|SharedAccess|sig=|Password=/i, name);
    assert.equal(app().functionAppConfig.deployment.storage.authentication.type, 'UserAssignedIdentity');
  });

  test('sets nothing that Flex Consumption forbids', () => {
    for (const parameters of [{}, EVERYTHING]) {
      const names = [...settings(parameters).keys()];
      assert.deepEqual(
        names.filter((name) => FORBIDDEN_SETTINGS.test(name)),
        [],
      );
      const config = Object.keys(app(parameters).siteConfig);
      assert.deepEqual(
        config.filter((name) => FORBIDDEN_CONFIG.includes(name)),
        [],
      );
    }
  });

  test('has as many instances at most as the relay divides the limit of a mailbox by', () => {
    for (const parameters of [{}, { maxInstances: 2 }])
      assert.equal(
        String(app(parameters).functionAppConfig.scaleAndConcurrency.maximumInstanceCount),
        settings(parameters).get('MAX_INSTANCES'),
      );
  });

  test('keeps awake only groups that exist: http, or a function of that name', () => {
    assert.deepEqual(app().functionAppConfig.scaleAndConcurrency.alwaysReady, []);
    const awake = app(EVERYTHING).functionAppConfig.scaleAndConcurrency.alwaysReady;
    assert.ok(awake.length > 0);
    const groups = new Set(['http', ...registeredFunctions().map((name) => `function:${name}`)]);
    assert.deepEqual(
      awake.filter(({ name }) => !groups.has(name)),
      [],
    );
  });

  test('runs a version of Node.js that the package says it runs on', () => {
    const { engines } = JSON.parse(readFileSync('package.json', 'utf8')) as { engines: { node: string } };
    const least = Number(/\d+/.exec(engines.node)?.[0]);
    assert.ok(Number(app().functionAppConfig.runtime.version) >= least);
  });

  test('lets anyone knock by default, and only the named sites when some are named', () => {
    assert.equal(app().siteConfig.ipSecurityRestrictionsDefaultAction, 'Allow');
    assert.deepEqual(app().siteConfig.ipSecurityRestrictions, []);
    const { siteConfig } = app({ allowedAddresses: ['192.0.2.0/24', '2001:db8::/32'] });
    assert.equal(siteConfig.ipSecurityRestrictionsDefaultAction, 'Deny');
    assert.deepEqual(
      siteConfig.ipSecurityRestrictions.map(({ action, ipAddress }) => `${action} ${ipAddress}`),
      ['Allow 192.0.2.0/24', 'Allow 2001:db8::/32'],
    );
    assert.ok(
      app(EVERYTHING).siteConfig.ipSecurityRestrictions.some((rule) => 'tag' in rule),
      'the availability test',
    );
  });

  test('reads its callers from the vault when asked to, and then has none in its settings', () => {
    const site = settings(EVERYTHING);
    assert.match(site.get('CALLERS') ?? '', /^@Microsoft\.KeyVault\(VaultName=[\w-]+;SecretName=callers\)$/);
    const vault = deployed(EVERYTHING).resources.find(({ type }) => type === 'Microsoft.KeyVault/vaults');
    assert.equal(vault?.properties.enableRbacAuthorization, true);
    assert.equal(vault?.properties.enablePurgeProtection, true);
    assert.ok(vault!.name.length <= 24);
  });

  test('sends telemetry where only identities may', () => {
    const component = deployed().resources.find(({ type }) => type === 'Microsoft.Insights/components');
    assert.equal(component?.properties.DisableLocalAuth, true);
    assert.ok(component?.properties.WorkspaceResourceId);
  });
});
