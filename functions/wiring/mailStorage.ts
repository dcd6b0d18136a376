/** The clients for the mail's storage account: by connection string on one machine, by identity in Azure. */
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import type { Settings } from './settings.ts';

/** Creates both clients. In Azure the identity package is loaded; locally it is not needed. */
export async function openMailStorage(
  settings: Settings,
): Promise<{ blobs: BlobServiceClient; queues: QueueServiceClient }> {
  const { MailStorage, MailStorage__blobServiceUri, MailStorage__queueServiceUri, MailStorage__clientId } = settings;
  if (MailStorage)
    return {
      blobs: BlobServiceClient.fromConnectionString(MailStorage),
      queues: QueueServiceClient.fromConnectionString(MailStorage),
    };
  const { ManagedIdentityCredential } = await import('@azure/identity');
  const credential = new ManagedIdentityCredential(MailStorage__clientId ? { clientId: MailStorage__clientId } : {});
  return {
    blobs: new BlobServiceClient(MailStorage__blobServiceUri!, credential),
    queues: new QueueServiceClient(MailStorage__queueServiceUri!, credential),
  };
}
