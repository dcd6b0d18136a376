/** The blob containers and queues of the mail storage account; in Azure the infrastructure creates them. */
const CONTAINERS = ['mail', 'state'];
const QUEUES = ['deliveries', 'deliveries-waiting', 'deliveries-large'].flatMap((name) => [name, `${name}-poison`]);

/** Creates the containers and queues that are not there yet. */
export async function prepareStorageAccount(connectionString: string): Promise<void> {
  const [{ BlobServiceClient }, { QueueServiceClient }] = await Promise.all([
    import('@azure/storage-blob'),
    import('@azure/storage-queue'),
  ]);
  const blobs = BlobServiceClient.fromConnectionString(connectionString);
  const queues = QueueServiceClient.fromConnectionString(connectionString);
  await Promise.all([
    ...CONTAINERS.map((name) => blobs.getContainerClient(name).createIfNotExists()),
    ...QUEUES.map((name) => queues.getQueueClient(name).createIfNotExists()),
  ]);
}
