// What each policy makes of each thing that can happen to a call that sends: the promise, in one table.
import type { Policy } from '../kill/scenarios.ts';

export type Size = 'small' | 'large';

/** What is left in the end: how many copies went out, or `held` with so many; `risk`: mail.duplicateRisk was told. */
export type Cell = `${0 | 1 | 2}` | `${1 | 2} risk` | `held ${0 | 1}`;
type Row = Readonly<Record<Policy, Cell>>;

const ONCE: Row = { resend: '1', hold: '1', check: '1' };
const UNSENT: Row = { resend: '1 risk', hold: 'held 0', check: '1 risk' };
const SENT: Row = { resend: '2 risk', hold: 'held 1', check: '1' };
/** The copy that went out is not in the mailbox any more. */
const VANISHED: Row = { resend: '2 risk', hold: 'held 1', check: '2 risk' };

/** The events, by the names that the documentation gives them; `undefined` where there is no such thing. */
export const MATRIX: Readonly<Record<string, Readonly<Record<Size, Row | undefined>>>> = {
  '202': { small: ONCE, large: ONCE },
  '429': { small: ONCE, large: ONCE },
  'connection refused': { small: ONCE, large: ONCE },
  'no token': { small: ONCE, large: ONCE },
  '504, not sent': { small: UNSENT, large: ONCE },
  '504, sent': { small: SENT, large: ONCE },
  'reset, not sent': { small: UNSENT, large: ONCE },
  'reset, sent': { small: SENT, large: ONCE },
  'no answer in time, not sent': { small: UNSENT, large: ONCE },
  'no answer in time, sent': { small: SENT, large: ONCE },
  'process killed before the call': { small: UNSENT, large: ONCE },
  'process killed after the call': { small: SENT, large: ONCE },
  'draft deleted, not sent': { small: undefined, large: UNSENT },
  'sent, and the copy deleted': { small: undefined, large: VANISHED },
};

/** The table as docs/delivery.md shows it. */
export function renderMatrix(): string {
  const policies: readonly Policy[] = ['resend', 'hold', 'check'];
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const titles = (size: Size) => policies.map((policy) => `${size} mail, \`${policy}\``);
  const cells = (cell: Row | undefined) => policies.map((policy) => (cell ? shown(cell[policy]) : '—'));
  return [
    row(['what happened to the call that sends', ...titles('small'), ...titles('large')]),
    row(['---', ...Array<string>(6).fill('---')]),
    ...Object.entries(MATRIX).map(([event, { small, large }]) => row([event, ...cells(small), ...cells(large)])),
  ].join('\n');
}

function shown(cell: Cell): string {
  const [first, second] = cell.split(' ') as [string, string | undefined];
  if (first === 'held') return `held, ${copies(second!)}`;
  const told = second === 'risk' ? ', risk told' : '';
  return first === '2' ? `**${copies(first)}**${told}` : `${copies(first)}${told}`;
}

function copies(count: string): string {
  return count === '1' ? '1 copy' : `${count} copies`;
}
