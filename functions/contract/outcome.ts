/**
 * What a step that can fail on the network came to.
 *
 * - `accepted`: the other side took responsibility.
 * - `retry`: it did not, or nobody knows; try again, not before `afterMs` milliseconds when the other side said so.
 *   An unknown failure is a retry.
 * - `reject`: it never will; `code` is the other side's own code, `reason` says why in words for a person.
 */
export type Outcome =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'retry'; readonly reason: string; readonly afterMs?: number }
  | { readonly kind: 'reject'; readonly code: string; readonly reason: string };
