// The store that Azure runs on, over Azurite: the contract that the store in memory keeps too.
import { after, before } from 'node:test';
import { BlobServiceClient } from '@azure/storage-blob';
import { prepareStorageAccount } from '../../../infra/local/storageAccount.ts';
import { startStorage } from '../../../infra/local/test/harness/startStorage.ts';
import { createBlobMessageStore, type MessageStore } from '../../storage/messageStore.ts';
import { testMessageStore } from './messageStoreContract.ts';

let storage: Awaited<ReturnType<typeof startStorage>>;
let store: MessageStore;

before(async () => {
  storage = await startStorage();
  await prepareStorageAccount(storage.connectionString);
  store = createBlobMessageStore(BlobServiceClient.fromConnectionString(storage.connectionString));
});
after(() => storage.stop());

testMessageStore('blobs', () => store);
