import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DELIVERY_QUEUES } from '../../functions/storage/deliveryQueue.ts';
import { MAIL_CONTAINER, STATE_CONTAINER } from '../../functions/storage/messageStore.ts';
import type { Resource } from './arm/deployment.ts';
import { compiled, deployed, EVERYTHING } from './compiledTemplate.ts';

const STORAGE = 'Microsoft.Storage/storageAccounts';

function ofType(type: string, parameters = {}): Resource[] {
  return deployed(parameters).resources.filter((resource) => resource.type === type);
}

function inMailAccount(type: string): Resource[] {
  return ofType(`${STORAGE}/${type}`).filter(({ name }) => name.startsWith('stmail'));
}

describe('The storage accounts', { skip: !compiled }, () => {
  test('are two: one of the host, one of the mail', () => {
    assert.deepEqual(
      ofType(STORAGE).map(({ name }) => name.replace(/[0-9a-f]{13}$/, '')),
      ['sthost', 'stmail'],
    );
  });

  test('take identities only, over TLS 1.2, and show nothing to the public', () => {
    for (const { name, properties } of ofType(STORAGE)) {
      assert.equal(properties.allowSharedKeyAccess, false, name);
      assert.equal(properties.allowBlobPublicAccess, false, name);
      assert.equal(properties.allowCrossTenantReplication, false, name);
      assert.equal(properties.supportsHttpsTrafficOnly, true, name);
      assert.equal(properties.minimumTlsVersion, 'TLS1_2', name);
    }
    for (const { name, properties } of ofType(`${STORAGE}/blobServices/containers`))
      assert.equal(properties.publicAccess, 'None', name);
  });

  test('are unreachable from the internet when the network is private', () => {
    for (const { name, properties } of ofType(STORAGE, EVERYTHING)) {
      assert.equal(properties.publicNetworkAccess, 'Disabled', name);
      assert.deepEqual(properties.networkAcls, { defaultAction: 'Deny', bypass: 'None' }, name);
    }
    const endpoints = ofType('Microsoft.Network/privateEndpoints', EVERYTHING).map(({ name }) => name);
    assert.deepEqual(endpoints, ['pe-relay-host-blob', 'pe-relay-mail-blob', 'pe-relay-mail-queue', 'pe-relay-vault']);
    const zones = ofType('Microsoft.Network/privateDnsZones', EVERYTHING).map(({ name }) => name);
    assert.deepEqual(zones, [
      'privatelink.blob.core.windows.net',
      'privatelink.queue.core.windows.net',
      'privatelink.vaultcore.azure.net',
    ]);
  });

  test('hold the containers and queues that the code uses, and for each queue its poison queue', () => {
    const last = ({ name }: Resource) => name.split('/').at(-1);
    assert.deepEqual(inMailAccount('blobServices/containers').map(last), [MAIL_CONTAINER, STATE_CONTAINER]);
    assert.deepEqual(
      inMailAccount('queueServices/queues').map(last).sort(),
      DELIVERY_QUEUES.flatMap((queue) => [queue, `${queue}-poison`]).sort(),
    );
  });

  test('keep no copy of mail that was deleted', () => {
    const [blobs] = inMailAccount('blobServices');
    assert.deepEqual(blobs?.properties, {
      deleteRetentionPolicy: { enabled: false },
      containerDeleteRetentionPolicy: { enabled: false },
      isVersioningEnabled: false,
      changeFeed: { enabled: false },
    });
  });
});

describe('The lifecycle of mail', { skip: !compiled }, () => {
  const daysOf = (container: string) => {
    const policy = inMailAccount('managementPolicies')[0]!.properties.policy as unknown as { rules: Rule[] };
    const rules = policy.rules.filter((each) => each.definition.filters.prefixMatch.includes(`${container}/`));
    assert.equal(rules.length, 1, container);
    assert.equal(policy.rules.length, 2);
    return rules[0]!.definition.actions.baseBlob.delete.daysAfterModificationGreaterThan;
  };

  test('leaves a person 30 days with a failed or held body, after the 3 days of trying', () => {
    assert.equal(daysOf(MAIL_CONTAINER), 33);
  });

  test('keeps a receipt 35 days: longer than its body, and than an edge may post the mail again', () => {
    assert.equal(daysOf(STATE_CONTAINER), 35);
    assert.ok(daysOf(STATE_CONTAINER) > daysOf(MAIL_CONTAINER));
    assert.ok(daysOf(STATE_CONTAINER) > 28);
  });
});

interface Rule {
  definition: {
    filters: { prefixMatch: string[] };
    actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: number } } };
  };
}
