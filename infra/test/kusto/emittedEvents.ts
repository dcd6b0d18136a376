/** Which events the function app emits and with which attributes, read from the source that emits them. */
import { globSync, readFileSync } from 'node:fs';

/**
 * What the heartbeat of an edge becomes, and what a mail's events will carry beside what they carry now: relied on by
 * queries, and told apart in the check's output for as long as the source does not emit it.
 */
export const AGREED_EVENTS: Readonly<Record<string, readonly string[]>> = {
  'edge.heartbeat': [
    'edge',
    'version',
    'uptimeSeconds',
    'spoolCount',
    'spoolBytes',
    'spoolOldestSeconds',
    'lastError',
    /** JSON text: `[{address, accepted, rejected, bytes, lastSeen, tls, user}]`. */
    'devices',
    /** ISO time at which the first of the listeners' certificates ends. */
    'certificateExpires',
  ],
  'edge.rejected': ['edge', 'reason'],
  'mail.accepted': ['messageId'],
};

const source = globSync('functions/**/*.ts', { exclude: ['functions/test/**'] })
  .sort()
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n');

/** Event name to its attributes. */
export function emittedEvents(): Map<string, ReadonlySet<string>> {
  const events = new Map<string, ReadonlySet<string>>();
  for (const { argumentsText, before } of callsOf('sink')) {
    const name = /^\s*'([\w.]+)'/.exec(argumentsText)?.[1];
    if (!name) continue;
    const made = /(\w+): \([^)]*\)(?:: \w+)? =>\s*$/.exec(before)?.[1] ?? '';
    events.set(name, new Set(attributesIn(argumentsText, made)));
  }
  if (!events.has('mail.sent')) throw new Error('Found no event in the source: this check must be mended.');
  return events;
}

/** The names in the object literals of some text; what is spread into them is looked up where it comes from. */
function attributesIn(text: string, made: string): string[] {
  const names = [...text.matchAll(/[{,]\s*(\w+)(?=\s*[:,}])/g)].map(([, name]) => name!);
  for (const [, spread, called] of text.matchAll(/\.\.\.(\w+)(\(?)/g)) {
    if (spread === 'about') names.push(...attributesIn(blockAfter(called ? 'const about = (' : 'const about = {'), ''));
    else
      names.push(
        ...fieldsOfTrace(),
        ...(made ? callsOf(`events.${made}`).flatMap((call) => attributesIn(call.argumentsText, '')) : []),
      );
  }
  return names;
}

/** What a call to Graph leaves behind; it is spread into the events of a mail. */
function fieldsOfTrace(): string[] {
  return [...blockAfter('export interface GraphTrace ').matchAll(/readonly (\w+)[?:]/g)].map(([, name]) => name!);
}

function blockAfter(start: string): string {
  const at = source.indexOf(start);
  if (at < 0) throw new Error(`The source has no "${start.trim()}" any more: this check must be mended.`);
  return balanced(source.indexOf('{', at), '{', '}');
}

function callsOf(name: string): { argumentsText: string; before: string }[] {
  const found: { argumentsText: string; before: string }[] = [];
  const call = new RegExp(`(?<![\\w.])${name.replace('.', '\\.')}\\(`, 'g');
  for (const { index, 0: text } of source.matchAll(call)) {
    const open = index + text.length - 1;
    found.push({
      argumentsText: balanced(open, '(', ')').slice(1, -1),
      before: source.slice(Math.max(0, index - 300), index),
    });
  }
  return found;
}

/** From an opening bracket to the one that closes it. Brackets inside strings are rare here and come in pairs. */
function balanced(open: number, opening: string, closing: string): string {
  let depth = 0;
  for (let at = open; at < source.length; at++) {
    if (source[at] === opening) depth++;
    else if (source[at] === closing && --depth === 0) return source.slice(open, at + 1);
  }
  throw new Error(`Nothing closes the ${opening} of: ${source.slice(open, open + 60)}`);
}
