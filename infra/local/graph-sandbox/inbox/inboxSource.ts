// Stands where MailDev's API expects its SMTP server: it tells of new mail and hands out sources and attachments.

import { EventEmitter } from 'node:events';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type { Storage } from '@maildev/core';
import type { SMTPServer } from '@maildev/smtp';
import type { MessageStore } from '../store/messageStore.ts';
import { attachmentIndex, listedMail } from './inboxMail.ts';

/** The part of MailDev's SMTP server that its API uses, over `messages`. No mail arrives or leaves by it. */
export function createInboxSource(messages: MessageStore, storage: Storage): SMTPServer {
  const events = new EventEmitter();
  messages.watch({
    added: (summary) => void events.emit('new', listedMail(summary, false)),
    removed: (id) => void events.emit('delete', { id: id ?? 'all' }),
  });

  async function source(id: string): Promise<Readable> {
    const mime = await messages.mime(id);
    if (mime) return createReadStream(mime.path, { start: mime.offset });
    throw new Error('This message was sent as a draft: Graph was given its parts, so there is no source to show.');
  }

  const used = {
    isRelayEnabled: () => false,
    getRelayHost: () => undefined,
    markAllRead: () => storage.markAllRead(),
    deleteEmail: (id: string) => storage.delete(id),
    deleteAllEmails: () => storage.deleteAll(),
    loadMailsFromDirectory: async () => {},
    getRawEmail: source,
    async downloadEmail(id: string) {
      return { contentType: 'message/rfc822', filename: `${id}.eml`, stream: await source(id) };
    },
    async getEmailHtml(id: string, options: { basePath?: string } = {}) {
      const mail = await storage.getById(id);
      if (!mail?.html) return undefined;
      // Loaded when it is needed for the first time: it brings a whole DOM.
      const { sanitizeHtml, replaceCidReferences } = await import('@maildev/smtp');
      const html = sanitizeHtml(mail.html) ?? '';
      return replaceCidReferences(html, id, mail.attachments, undefined, options.basePath);
    },
    async getEmailAttachment(id: string, fileName: string) {
      const index = attachmentIndex(fileName);
      const record = await messages.record(id);
      const attachment = index === undefined ? undefined : record?.attachments[index];
      const content = attachment && (await messages.attachment(id, index!));
      if (!content) throw new Error('Attachment not found');
      const stream = 'path' in content ? createReadStream(content.path) : Readable.from([Buffer.from(content)]);
      return { contentType: attachment.contentType || 'application/octet-stream', stream };
    },
  };
  // MailDev names the class, but needs no more of it than this.
  return Object.assign(events, used) as unknown as SMTPServer;
}
