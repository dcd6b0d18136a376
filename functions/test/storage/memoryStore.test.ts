import { createMemoryStore } from './memoryStore.ts';
import { testMessageStore } from './messageStoreContract.ts';

const store = createMemoryStore();
testMessageStore('memory', () => store);
