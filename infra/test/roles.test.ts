import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { compiled, deployed, EVERYTHING } from './compiledTemplate.ts';

/** Azure's built-in roles, by id (Azure RBAC: "Azure built-in roles"). */
const BUILT_IN: Readonly<Record<string, string>> = {
  'b7e6dc6d-f1e8-4753-8033-0f276bb0955b': 'Storage Blob Data Owner',
  'ba92f5b4-2d11-453d-a403-e96b0029c9fe': 'Storage Blob Data Contributor',
  '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1': 'Storage Blob Data Reader',
  '974c5e8b-45b9-4653-ba55-5f855dd0fb88': 'Storage Queue Data Contributor',
  '3913510d-42f4-4e42-8a64-420c390055eb': 'Monitoring Metrics Publisher',
  '4633458b-17de-408a-b874-0445c86b69e6': 'Key Vault Secrets User',
};

function grants(parameters = {}): { who: string; role: string; on: string }[] {
  return deployed(parameters)
    .resources.filter(({ type }) => type === 'Microsoft.Authorization/roleAssignments')
    .map(({ properties, scope }) => ({
      who: `${properties.principalType} ${String(properties.principalId).slice(0, 1)}`,
      role:
        BUILT_IN[String(properties.roleDefinitionId).split('/').at(-1)!] ?? `unknown: ${properties.roleDefinitionId}`,
      on: String(scope)
        .replace(/^.*\/providers\//, '')
        .replace(/(st|kv-|appi-relay-)(\w*?)[0-9a-f]{13}/g, '$1$2'),
    }));
}

const IDENTITY = [
  { who: 'ServicePrincipal 1', role: 'Storage Blob Data Owner', on: 'Microsoft.Storage/storageAccounts/sthost' },
  { who: 'ServicePrincipal 1', role: 'Storage Blob Data Contributor', on: 'Microsoft.Storage/storageAccounts/stmail' },
  { who: 'ServicePrincipal 1', role: 'Storage Queue Data Contributor', on: 'Microsoft.Storage/storageAccounts/stmail' },
  { who: 'ServicePrincipal 1', role: 'Monitoring Metrics Publisher', on: 'Microsoft.Insights/components/appi-relay-' },
];

describe('The roles', { skip: !compiled }, () => {
  test('are these and no others', () => {
    assert.deepEqual(grants(), IDENTITY);
  });

  test('add, when asked for, the secret to the identity and the state records to the operators', () => {
    assert.deepEqual(grants(EVERYTHING).slice(IDENTITY.length), [
      { who: 'ServicePrincipal 1', role: 'Key Vault Secrets User', on: 'Microsoft.KeyVault/vaults/kv-' },
      {
        who: 'Group 4',
        role: 'Storage Blob Data Reader',
        on: 'Microsoft.Storage/storageAccounts/stmail/blobServices/default/containers/state',
      },
    ]);
  });

  test('are on single resources, never on the group or the subscription', () => {
    for (const { on } of grants(EVERYTHING)) assert.match(on, /^Microsoft\.\w+\/\w+\/[\w-]+/);
  });

  test('each carry a comment that says why', () => {
    const lines = readFileSync('infra/modules/roles.bicep', 'utf8').split('\n');
    const assignments = lines.flatMap((line, at) => (/roleAssignments@[^ ]+' = /.test(line) ? [at] : []));
    assert.equal(assignments.length, 6);
    for (const at of assignments) assert.match(lines[at - 1]!, /^\/\/ \S/, lines[at]);
    const elsewhere = deployed().resources.filter(({ type }) => type.startsWith('Microsoft.Authorization/'));
    assert.equal(elsewhere.length, IDENTITY.length);
  });
});
