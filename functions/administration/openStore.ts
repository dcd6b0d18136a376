/** Opens the mail's storage for an administrator: the local relay's, one named by connection string, or one in Azure. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BlobServiceClient, RestError } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { createDeliveryQueues, type DeliveryQueues } from '../storage/deliveryQueue.ts';
import { createBlobMessageStore, type MessageStore } from '../storage/messageStore.ts';
import { LOCAL_STORAGE_FILE } from './localStorageFile.ts';

export interface StoreLocation {
  /** Name of the storage account in Azure; the administrator's own `az login` opens it. */
  readonly account?: string | undefined;
  /** Where that account's names end; another one in national clouds. */
  readonly endpointSuffix: string;
  /** Data directory of the local relay. */
  readonly data: string;
}

/** Addresses of a storage account in Azure. */
export interface StorageAddresses {
  readonly blobs: string;
  readonly queues: string;
}

export async function openStore(location: StoreLocation): Promise<{ store: MessageStore; queues: DeliveryQueues }> {
  const { blobs, queues } = await openClients(location);
  return { store: createBlobMessageStore(blobs), queues: createDeliveryQueues(queues) };
}

/**
 * The account in Azure that is meant: the one that is named, else the one that the environment names as the function
 * app's does; undefined for neither, or where the environment holds a connection string.
 */
export function azureStorage(
  { account, endpointSuffix }: StoreLocation,
  env: Readonly<Record<string, string | undefined>>,
): StorageAddresses | undefined {
  if (account) {
    if (!/^[a-z0-9]{3,24}$/.test(account))
      throw new Error(`--account: ${account} is not the name of a storage account.`);
    if (!/^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(endpointSuffix))
      throw new Error(`--endpoint-suffix: ${endpointSuffix} is not one such as core.usgovcloudapi.net.`);
    return {
      blobs: `https://${account}.blob.${endpointSuffix}`,
      queues: `https://${account}.queue.${endpointSuffix}`,
    };
  }
  const { MailStorage, MailStorage__blobServiceUri: blobs, MailStorage__queueServiceUri: queues } = env;
  if (MailStorage || (!blobs && !queues)) return undefined;
  if (!blobs || !queues)
    throw new Error('MailStorage__blobServiceUri and MailStorage__queueServiceUri: one is set, and both are needed.');
  return { blobs, queues };
}

/** What went wrong with the storage, and what helps; undefined for an error of another kind. */
export function storageErrorInWords(error: unknown): string | undefined {
  if (!(error instanceof RestError)) return undefined;
  const [what] = error.message.split('\n');
  if (error.statusCode === undefined)
    return `The storage does not answer (${what}): is its name right, and does the local relay run?`;
  if (error.statusCode === 403)
    return `The storage refuses your login (${what}): "Who may do what" in docs/azure.md names the roles.`;
  return `The storage answered ${error.statusCode}: ${what}`;
}

/** A person waits. */
const RETRIES = { retryOptions: { maxTries: 3, retryDelayInMs: 500, maxRetryDelayInMs: 2000 } };

async function openClients(location: StoreLocation) {
  const azure = azureStorage(location, process.env);
  if (azure) {
    const { AzureCliCredential } = await import('@azure/identity');
    const credential = new AzureCliCredential();
    return {
      blobs: new BlobServiceClient(azure.blobs, credential, RETRIES),
      queues: new QueueServiceClient(azure.queues, credential, RETRIES),
    };
  }
  const { data } = location;
  const connection =
    process.env.MailStorage || (await readFile(join(data, LOCAL_STORAGE_FILE), 'utf8').catch(() => undefined));
  if (!connection)
    throw new Error(
      `No storage to look into: name one with --account NAME (in Azure), or start the local relay first (its data is looked for in ${data}; --data DIR for another place).`,
    );
  return {
    blobs: BlobServiceClient.fromConnectionString(connection.trim(), RETRIES),
    queues: QueueServiceClient.fromConnectionString(connection.trim(), RETRIES),
  };
}
