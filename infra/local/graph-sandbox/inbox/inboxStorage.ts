// The message store as MailDev's storage: it reads from the store and keeps nothing but which mail was opened.

import { type Email, filterEmails, type ListOptions, matchesSearchTerm, type Storage } from '@maildev/core';
import { headerFields } from '../store/mailHeader.ts';
import type { MessageStore, MessageSummary } from '../store/messageStore.ts';
import { listedMail, openedMail } from './inboxMail.ts';

/** How many whole mails MailDev's older, unpaged calls may load. */
const MOST_WHOLE = 200;

/** A storage over `messages`. Searching looks at subject, addresses and the start of the text. */
export function createInboxStorage(messages: MessageStore): Storage {
  const opened = new Set<string>();
  const isRead = ({ id }: MessageSummary) => opened.has(id);
  const listed = (summary: MessageSummary) => listedMail(summary, isRead(summary));
  const stats = () => {
    const all = messages.summaries();
    return { total: all.length, unread: all.filter((summary) => !isRead(summary)).length };
  };

  async function getById(id: string): Promise<Email | undefined> {
    const record = await messages.record(id);
    if (!record) return undefined;
    const mime = await messages.mime(id);
    const fields = mime && headerFields(mime.start);
    const shown = [...(fields ?? [])].map(([name, values]) => {
      const trimmed = values.map((value) => value.trim());
      return [name, trimmed.length === 1 ? trimmed[0]! : trimmed] as const;
    });
    return openedMail(record, opened.has(id), Object.fromEntries(shown));
  }

  async function getAll(): Promise<Email[]> {
    const newest = messages.summaries().slice(-MOST_WHOLE);
    const mails = await Promise.all(newest.map(({ id }) => getById(id)));
    return mails.filter((mail) => mail !== undefined);
  }

  return {
    options: {},
    getAll,
    getById,
    async save({ id, read }) {
      // The only change MailDev ever makes to a stored mail is that it was read.
      if (read) opened.add(id);
      else opened.delete(id);
    },
    async delete(id) {
      const known = messages.find(id) !== undefined;
      await messages.remove([id]);
      return known;
    },
    async deleteAll() {
      const { total } = stats();
      await messages.remove();
      return total;
    },
    async markAllRead() {
      const { unread } = stats();
      for (const { id } of messages.summaries()) opened.add(id);
      return unread;
    },
    filter: async (query) => filterEmails(await getAll(), query),
    async list({ skip = 0, limit = 0, sort = 'desc', search = '', unreadOnly = false }: ListOptions = {}) {
      const ordered = [...messages.summaries()];
      if (sort === 'desc') ordered.reverse();
      const matching = ordered.filter(
        (summary) => !(unreadOnly && isRead(summary)) && (search === '' || matchesSearchTerm(listed(summary), search)),
      );
      const items = matching.slice(skip, limit > 0 ? skip + limit : undefined).map(listed);
      const { total: storeTotal, unread } = stats();
      return { items, total: matching.length, storeTotal, unread, skip, limit };
    },
    count: async () => stats().total,
    stats: async () => stats(),
    onEvicted: () => () => {},
    initialize: async () => {},
    close: async () => {},
  };
}
