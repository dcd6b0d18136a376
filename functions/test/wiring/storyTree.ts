// One mail's story as it can be read from the records of its operation: who called whom, and what was told on the way.
import type { Envelope } from './captureServer.ts';

const KINDS: Readonly<Record<string, string>> = {
  RequestData: 'request',
  RemoteDependencyData: 'call',
  EventData: 'event',
};
/** What a reader of the tree wants of an event. */
const TOLD = ['attempt', 'edgeMs', 'queueMs', 'graphMs', 'cloudMs', 'totalMs', 'reason'];

/** The tree below the span that the traceparent names, in order of time. */
export function storyTree(envelopes: readonly Envelope[], traceparent: string): string {
  const [, operation, root] = traceparent.split('-');
  const records = envelopes
    .filter(({ tags }) => tags['ai.operation.id'] === operation)
    .toSorted((a, b) => a.time.localeCompare(b.time));
  const lines = ['SMTP session at the edge'];
  const below = (parent: string | undefined, indent: string) => {
    const children = records.filter(({ tags }) => tags['ai.operation.parentId'] === parent);
    children.forEach((child, index) => {
      const last = index === children.length - 1;
      lines.push(`${indent}${last ? '└─' : '├─'} ${lineOf(child)}`);
      if (child.data.baseData.id) below(child.data.baseData.id, `${indent}${last ? '   ' : '│  '}`);
    });
  };
  below(root, '');
  return lines.join('\n');
}

function lineOf({ data }: Envelope): string {
  const { name, duration, resultCode, success, properties = {} } = data.baseData;
  const told = TOLD.flatMap((key) => (properties[key] === undefined ? [] : [`${key}=${properties[key]}`]));
  // hh:mm:ss.fffffff
  const seconds = duration?.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  const milliseconds = seconds === undefined ? undefined : `${Math.round(seconds * 1000)} ms`;
  const code = resultCode && resultCode !== '0' ? resultCode : undefined;
  const outcome = success === false ? 'not successful' : undefined;
  return [`${name} (${KINDS[data.baseType]})`, milliseconds, code, outcome, ...told].filter(Boolean).join(' ');
}

/** The tree without what differs from run to run. */
export function shapeOf(tree: string): string {
  return tree.replace(/=\d+/g, '=…').replace(/\d+ ms/g, '… ms');
}
