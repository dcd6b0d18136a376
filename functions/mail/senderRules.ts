import { z } from 'zod';
import { addressPatternSchema, matchesAny } from './addressPattern.ts';

const ruleSchema = z
  .strictObject({
    /** Sender address the rule is for: `*`, `*@domain` or `local@domain`. */
    from: addressPatternSchema,
    /** The mailbox that sends: its user principal name or object id. */
    mailbox: z.string().regex(/^[^\s/?#]{1,320}$/, 'expected a user principal name or object id'),
    /**
     * Whether the mail keeps its From, because that address is an alias of the mailbox or it has Send As on it.
     * Otherwise From becomes the mailbox, and the old From becomes Reply-To where there is none.
     */
    keepFrom: z.boolean().default(false),
  })
  .refine(({ mailbox, keepFrom }) => keepFrom || mailbox.includes('@'), {
    path: ['mailbox'],
    message: 'expected an address, because From becomes it (or set keepFrom to true)',
  });

/** The SENDER_RULES setting: the first rule that covers the sender decides which mailbox sends. */
export const senderRulesSchema = z.array(ruleSchema);
export type SenderRule = z.infer<typeof ruleSchema>;

/** The first rule that covers `address`, if any. */
export function findSenderRule(rules: readonly SenderRule[], address: string): SenderRule | undefined {
  return rules.find((rule) => matchesAny([rule.from], address));
}
