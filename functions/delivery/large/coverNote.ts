import type { DraftBody } from './draftPlan.ts';
import type { Unrewritable } from './unrewritable.ts';

/** The name of the attachment that holds the original. */
export const ORIGINAL_NAME = 'message.eml';

/** The text of the mail that carries an original it could not become. For the receiver, who knows nothing of a relay. */
export function coverNote({ why }: Pick<Unrewritable, 'why'>): DraftBody {
  return {
    contentType: 'text',
    content: [
      `The message you were sent is attached to this one, whole and unchanged, as ${ORIGINAL_NAME}.`,
      'Open the attachment to read it.',
      '',
      `It comes this way because ${why}: a message of this size would have been damaged on its way otherwise.`,
      'This note was written by the mail relay of the sender.',
      '',
    ].join('\r\n'),
  };
}
