/** File in the data directory of a running local relay that holds its storage's connection string. */
export const LOCAL_STORAGE_FILE = 'storage.connection';
