/**
 * Counts the requests to storage that one mail costs the relay's own code, first try: what docs/cost.md multiplies. The
 * host's own (taking the wake-up from the queue, deleting it) come on top. `npm run bench -- storage-operations`.
 */
import http from 'node:http';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { newMessageId } from '../../../functions/contract/messageId.ts';
import { deliverMessage } from '../../../functions/delivery/deliverMessage.ts';
import { acceptMessage } from '../../../functions/intake/acceptMessage.ts';
import { receiveBody } from '../../../functions/intake/receiveBody.ts';
import { appEnvelope } from '../../../functions/intake/requestEnvelope.ts';
import { createDeliveryQueues } from '../../../functions/storage/deliveryQueue.ts';
import { createBlobMessageStore } from '../../../functions/storage/messageStore.ts';
import { wakeUpOf } from '../../../functions/storage/wakeUp.ts';
import { startFakeGraph } from '../../../functions/test/delivery/fakeGraph.ts';
import { newRelay } from '../../../functions/test/delivery/testRelay.ts';
import { prepareStorageAccount } from '../storageAccount.ts';
import { startStorage } from '../test/harness/startStorage.ts';

const MAILS = 100;
const [sizeText = '50000'] = process.argv.slice(2);
const body = `From: scan@contoso.com\r\nTo: bob@contoso.com\r\n\r\n${'x'.repeat(76)}\r\n`.padEnd(Number(sizeText), 'y');

await using storage = await startStorage();
await prepareStorageAccount(storage.connectionString);
const graph = await startFakeGraph(Array(MAILS).fill({ status: 202 }));
const memory = await newRelay([]);
const options = {
  ...memory.options,
  store: createBlobMessageStore(BlobServiceClient.fromConnectionString(storage.connectionString)),
  queues: createDeliveryQueues(QueueServiceClient.fromConnectionString(storage.connectionString)),
  graph: graph.client(10_000),
};
const caller = { name: 'bench', keyHashes: [], applicationIds: [], senders: ['*'], recipients: ['*'] };

const counts = new Map<string, number>();
const request = http.request;
http.request = ((...args: Parameters<typeof request>) => {
  const { method = 'GET', path } = args[0] as http.RequestOptions;
  const kind = /\/(mail|state|deliveries[a-z-]*)/.exec(path ?? '')?.[1];
  if (kind) counts.set(`${method} ${kind}`, (counts.get(`${method} ${kind}`) ?? 0) + 1);
  return request(...args);
}) as typeof request;

for (let i = 0; i < MAILS; i++) {
  const id = newMessageId();
  await acceptMessage(options, caller, {
    id,
    envelope: appEnvelope(['bob@contoso.com']),
    traceparent: null,
    receive: (maxBytes, write) => receiveBody(chunks(), maxBytes, write),
  });
  const found = await options.store.readState({ caller: caller.name, id });
  await deliverMessage(options, wakeUpOf(found!.record));
}
await Promise.all([graph.close(), memory.graphServer.close()]);
// The read of the state above is this program's own.
counts.set('GET state', (counts.get('GET state') ?? 0) - MAILS);
console.log(`Requests to storage per mail of ${body.length} bytes, sent at the first try:`);
for (const [what, count] of [...counts].sort()) console.log(`  ${what.padEnd(20)} ${(count / MAILS).toFixed(2)}`);

async function* chunks(): AsyncIterable<Uint8Array> {
  yield Buffer.from(body);
}
