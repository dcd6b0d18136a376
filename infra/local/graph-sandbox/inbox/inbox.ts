// The web inbox: MailDev's pages and API over the messages of the sandbox. Loaded with the first request for it.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { APIServer } from '@maildev/api';
import type { MessageStore } from '../store/messageStore.ts';

export interface Inbox {
  /** Answers a request for a page, an asset, or MailDev's own API below /api. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Takes over a connection that becomes a web socket: it tells open pages of new mail. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
  close(): Promise<void>;
}

/** An inbox over `messages`. */
export function createInbox(messages: MessageStore): Inbox {
  let loading: Promise<APIServer> | undefined;

  async function load(): Promise<APIServer> {
    const [{ createAPIServer }, { registerUI }, { createInboxStorage }, { createInboxSource }] = await Promise.all([
      import('@maildev/api'),
      import('@maildev/ui/server'),
      import('./inboxStorage.ts'),
      import('./inboxSource.ts'),
    ]);
    const storage = createInboxStorage(messages);
    const api = createAPIServer({
      storage,
      smtp: createInboxSource(messages, storage),
      cors: { origin: false, credentials: false },
    });
    await api.registerPlugins();
    await registerUI(api.server);
    await api.server.ready();
    return api;
  }

  /** MailDev's own server never listens; it is handed what ours has received. */
  async function server() {
    loading ??= load();
    return (await loading).server.server;
  }

  return {
    async handle(request, response) {
      const inner = await server();
      // Parts of a mail, opened by themselves, must not act as a page of this origin.
      if (/^\/api\/email\/[^/]+\/(attachment|html)\b/.test(request.url ?? ''))
        response.setHeader('content-security-policy', 'sandbox');
      inner.emit('request', request, response);
    },
    async upgrade(request, socket, head) {
      (await server()).emit('upgrade', request, socket, head);
    },
    async close() {
      await (await loading)?.stop();
    },
  };
}
