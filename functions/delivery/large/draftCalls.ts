/**
 * The calls to Graph that a draft is made of. Ids are immutable ones, so that the draft can be asked for after it was sent
 * (https://learn.microsoft.com/graph/outlook-immutable-id).
 */
import type { GraphRequest } from '@microsoft/microsoft-graph-client';
import type { EventAttributes } from '../../wiring/relayEvents.ts';
import type { GraphClient, GraphReply } from '../graphClient.ts';
import { type GraphOutcome, outcomeOfNoAnswer, outcomeOfSend } from '../graphOutcome.ts';
import type { CallGate } from './callGate.ts';
import { type DraftMessage, MARK_ID } from './draftMessage.ts';
import type { DraftBody, PlannedAttachment } from './draftPlan.ts';
import { refusedStep, type Step, unansweredStep } from './step.ts';

/** A draft that has just been made is not always there at once for the next call. */
const FRESH_DRAFT_PAUSES_MS = [500, 1000, 2000, 4000];

export interface DraftCalls {
  /** The id of a new draft. */
  create(message: DraftMessage): Promise<Step<string>>;
  /** Ids of the drafts that carry this Message-ID and our mark for this mail. */
  findMarked(messageId: string, mark: string): Promise<Step<string[]>>;
  /** Gives the draft its body. */
  setBody(draftId: string, body: DraftBody): Promise<Step<void>>;
  remove(draftId: string): Promise<Step<void>>;
  /** Whether it still is a draft; undefined when there is no message of this id. */
  isDraft(draftId: string): Promise<Step<boolean | undefined>>;
  attach(draftId: string, attachment: PlannedAttachment, content: Buffer): Promise<Step<void>>;
  /** The URL of a new upload session. */
  openUpload(draftId: string, attachment: PlannedAttachment): Promise<Step<unknown>>;
  /** Sends the draft: the one call after which the outcome may be unknown. */
  send(draftId: string): Promise<{ outcome: GraphOutcome; trace: EventAttributes; answered: boolean }>;
}

export function createDraftCalls(graph: GraphClient, mailbox: string, gate: CallGate): DraftCalls {
  const messages = `/users/${encodeURIComponent(mailbox)}/messages`;
  const pathOf = (draftId: string) => `${messages}/${encodeURIComponent(draftId)}`;

  const call = (path: string, send: (request: GraphRequest) => Promise<unknown>) =>
    gate.call(() => graph.call(path, (request) => send(request.header('prefer', 'IdType="ImmutableId"'))));

  async function step<T>(
    path: string,
    send: (request: GraphRequest) => Promise<unknown>,
    read: (reply: GraphReply) => T | undefined,
  ): Promise<Step<T>> {
    try {
      const reply = await call(path, send);
      const value = read(reply);
      return value === undefined ? refusedStep(reply, { ...reply.trace }) : { ok: true, value };
    } catch (error) {
      return unansweredStep(error);
    }
  }

  return {
    create: (message) =>
      step(
        messages,
        (request) => request.post(message),
        ({ status, json }) => (status === 201 ? idOf(json) : undefined),
      ),

    findMarked: (messageId, mark) =>
      step(
        messages,
        (request) =>
          request
            .query({
              $filter: encodeURIComponent(`internetMessageId eq '${messageId.replaceAll("'", "''")}'`),
              $select: 'id,isDraft',
              $expand: encodeURIComponent(`singleValueExtendedProperties($filter=id eq '${MARK_ID}')`),
              $top: '50',
            })
            .get(),
        ({ status, json }) => (status === 200 ? markedDrafts(json, mark) : undefined),
      ),

    setBody: (draftId, body) =>
      step(
        pathOf(draftId),
        (request) => request.patch({ body }),
        ({ status }) => (status === 200 ? true : undefined),
      ).then(withoutValue),

    remove: (draftId) =>
      step(
        pathOf(draftId),
        (request) => request.delete(),
        (reply) => (reply.status === 204 || isGone(reply) ? true : undefined),
      ).then(withoutValue),

    async isDraft(draftId) {
      const found = await step(
        pathOf(draftId),
        (request) => request.query({ $select: 'isDraft' }).get(),
        (reply): { isDraft: boolean } | { gone: true } | undefined => {
          if (isGone(reply)) return { gone: true };
          const { status, json } = reply;
          const isDraft = (json as { isDraft?: unknown } | undefined)?.isDraft;
          return status === 200 && typeof isDraft === 'boolean' ? { isDraft } : undefined;
        },
      );
      if (!found.ok) return found;
      return { ok: true, value: 'gone' in found.value ? undefined : found.value.isDraft };
    },

    attach: (draftId, { name, contentType, contentId, isInline }, content) =>
      step(
        `${pathOf(draftId)}/attachments`,
        (request) =>
          request.post({
            '@odata.type': '#microsoft.graph.fileAttachment',
            name,
            contentType,
            isInline,
            ...(contentId !== '' && { contentId }),
            contentBytes: content.toString('base64'),
          }),
        ({ status }) => (status === 201 ? true : undefined),
      ).then(withoutValue),

    async openUpload(draftId, { name, contentType, contentId, isInline, size }) {
      const item = {
        attachmentType: 'file',
        name,
        contentType,
        size,
        isInline,
        ...(contentId !== '' && { contentId }),
      };
      const open = () =>
        step(
          `${pathOf(draftId)}/attachments/createUploadSession`,
          (request) => request.post({ AttachmentItem: item }),
          ({ status, json }) => (status === 201 ? { url: (json as { uploadUrl?: unknown })?.uploadUrl } : undefined),
        );
      let opened = await open();
      for (const ms of FRESH_DRAFT_PAUSES_MS) {
        if (opened.ok || opened.outcome.kind !== 'retry' || opened.outcome.class !== 'refused') break;
        await gate.pause(ms);
        opened = await open();
      }
      return opened.ok ? { ok: true, value: opened.value.url } : opened;
    },

    async send(draftId) {
      try {
        const reply = await call(`${pathOf(draftId)}/send`, (request) => request.post(undefined));
        return { outcome: outcomeOfSend(reply), trace: { ...reply.trace }, answered: true };
      } catch (error) {
        return { outcome: outcomeOfNoAnswer(error), trace: {}, answered: false };
      }
    },
  };
}

/** The message is not there. Any other 404 is about the mailbox, and says nothing of the message. */
function isGone({ status, code }: GraphReply): boolean {
  return status === 404 && code === 'ErrorItemNotFound';
}

function withoutValue(step: Step<unknown>): Step<void> {
  return step.ok ? { ok: true, value: undefined } : step;
}

function idOf(json: unknown): string | undefined {
  const id = (json as { id?: unknown } | undefined)?.id;
  return typeof id === 'string' && id !== '' && id.length < 1000 ? id : undefined;
}

interface ListedMessage {
  readonly id?: unknown;
  readonly isDraft?: unknown;
  readonly singleValueExtendedProperties?: readonly { readonly value?: unknown }[];
}

function markedDrafts(json: unknown, mark: string): string[] {
  const list = (json as { value?: unknown } | undefined)?.value;
  if (!Array.isArray(list)) return [];
  return (list as ListedMessage[]).flatMap((message) => {
    const marked = message.singleValueExtendedProperties?.some(({ value }) => value === mark);
    return message.isDraft === true && marked ? (idOf(message) ?? []) : [];
  });
}
