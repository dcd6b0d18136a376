// Callers for tests, each with a rule of its own; the key of caller NAME is NAME-key.
import { createHash } from 'node:crypto';
import { LOCAL_KEY } from './runningRelay.ts';

const hashOf = (key: string) => createHash('sha256').update(key).digest('hex');
const rules = (name: string, more: object = {}) => ({
  keyHashes: [hashOf(`${name}-key`)],
  senders: ['*@contoso.com'],
  recipients: ['*@contoso.com', 'partner@fabrikam.com'],
  ...more,
});

/** The application whose tokens speak for the caller `by-token`. */
export const APPLICATION = '33333333-3333-4333-8333-333333333333';

export const TENANT = '11111111-1111-4111-8111-111111111111';
export const AUDIENCE = '22222222-2222-4222-8222-222222222222';

/** The CALLERS setting. `erp` has two keys, as during a rotation. */
const CALLERS = JSON.stringify({
  local: { keyHashes: [hashOf(LOCAL_KEY)], senders: ['*'], recipients: ['*'] },
  erp: rules('erp', { keyHashes: [hashOf('erp-key'), hashOf('erp-new-key')] }),
  other: rules('other'),
  hasty: rules('hasty', { messagesPerMinute: 2 }),
  small: rules('small', { maxMessageBytes: 5000 }),
  'by-token': { applicationIds: [APPLICATION], senders: ['*@contoso.com'], recipients: ['*'] },
  powerless: { keyHashes: [hashOf('powerless-key')] },
});

/** Settings with these callers; `authority` stands where Entra would. */
export function callerSettings(authority = 'http://127.0.0.1:9'): Record<string, string> {
  return { CALLERS, ENTRA_TENANT_ID: TENANT, ENTRA_AUDIENCE: AUDIENCE, ENTRA_AUTHORITY: authority };
}
