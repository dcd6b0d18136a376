/** Opens the mail's storage for an administrator: the local relay's, one named by connection string, or one in Azure. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { createDeliveryQueues, type DeliveryQueues } from '../storage/deliveryQueue.ts';
import { createBlobMessageStore, type MessageStore } from '../storage/messageStore.ts';
import { LOCAL_STORAGE_FILE } from './localStorageFile.ts';

export interface StoreLocation {
  /** Name of the storage account in Azure; the administrator's own `az login` opens it. */
  readonly account?: string | undefined;
  /** Data directory of the local relay. */
  readonly data: string;
}

export async function openStore(location: StoreLocation): Promise<{ store: MessageStore; queues: DeliveryQueues }> {
  const { blobs, queues } = await openClients(location);
  return { store: createBlobMessageStore(blobs), queues: createDeliveryQueues(queues) };
}

async function openClients({ account, data }: StoreLocation) {
  if (account) {
    if (!/^[a-z0-9]{3,24}$/.test(account))
      throw new Error(`--account: ${account} is not the name of a storage account.`);
    const { AzureCliCredential } = await import('@azure/identity');
    const credential = new AzureCliCredential();
    return {
      blobs: new BlobServiceClient(`https://${account}.blob.core.windows.net`, credential),
      queues: new QueueServiceClient(`https://${account}.queue.core.windows.net`, credential),
    };
  }
  const connection =
    process.env.MailStorage ?? (await readFile(join(data, LOCAL_STORAGE_FILE), 'utf8').catch(() => undefined));
  if (!connection)
    throw new Error(
      `No storage to look into: name one with --account NAME (in Azure), or start the local relay first (its data is looked for in ${data}; --data DIR for another place).`,
    );
  return {
    blobs: BlobServiceClient.fromConnectionString(connection.trim()),
    queues: QueueServiceClient.fromConnectionString(connection.trim()),
  };
}
