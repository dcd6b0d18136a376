// Checks the body of PUT /sandbox/faults, field by field: a misspelt fault that never fires makes a test worthless.

import type { Fault } from './faults.ts';

const FIELDS = ['method', 'path', 'status', 'code', 'retryAfter', 'times', 'after', 'hangMs', 'dropConnection'];
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const LONGEST_HANG = 10 * 60_000;

/** The faults in `value`, or one sentence that names the entry and the field that is wrong. */
export type FaultListReading = { readonly faults: readonly Fault[] } | { readonly problem: string };

/** Reads the JSON value of a `PUT /sandbox/faults` body. */
export function readFaultList(value: unknown): FaultListReading {
  if (!Array.isArray(value)) return { problem: 'The body must be a JSON array of faults; [] clears them.' };
  const faults: Fault[] = [];
  for (const [index, entry] of value.entries()) {
    const reading = readFault(entry);
    if (typeof reading === 'string') return { problem: `Fault ${index}: ${reading}` };
    faults.push(reading);
  }
  return { faults };
}

function readFault(entry: unknown): Fault | string {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return 'it must be a JSON object.';
  const fields = entry as Record<string, unknown>;
  const unknown = Object.keys(fields).find((name) => !FIELDS.includes(name));
  if (unknown !== undefined) return `"${unknown.slice(0, 60)}" is not a field; there are ${FIELDS.join(', ')}.`;
  const { method, path, status, code, retryAfter, times = 1, after = false, hangMs, dropConnection = false } = fields;
  if (method !== undefined && !(typeof method === 'string' && METHODS.includes(method.toUpperCase())))
    return `"method" must be one of ${METHODS.join(', ')}.`;
  const pattern = readPattern(path);
  if (pattern === false) return '"path" must be a string that is a regular expression.';
  if (status !== undefined && !isWhole(status, 200, 599)) return '"status" must be a whole number from 200 to 599.';
  if (code !== undefined && (typeof code !== 'string' || code === '')) return '"code" must be a non-empty string.';
  const retry = readRetryAfter(retryAfter);
  if (retry === false)
    return '"retryAfter" must be seconds (0 or more) or an HTTP date such as "Wed, 21 Oct 2026 07:28:00 GMT".';
  if (!isWhole(times, 1, 1e9)) return '"times" must be a whole number, 1 or more.';
  if (typeof after !== 'boolean') return '"after" must be true or false.';
  if (hangMs !== undefined && !isWhole(hangMs, 1, LONGEST_HANG))
    return `"hangMs" must be a whole number of milliseconds from 1 to ${LONGEST_HANG}.`;
  if (typeof dropConnection !== 'boolean') return '"dropConnection" must be true or false.';
  if (status === undefined && hangMs === undefined && !dropConnection)
    return 'it needs "status", "hangMs" or "dropConnection", or nothing would go wrong.';
  if (dropConnection && status !== undefined) return '"dropConnection" and "status" exclude each other.';
  if (status === undefined && (code !== undefined || retry !== undefined))
    return `"${code !== undefined ? 'code' : 'retryAfter'}" needs a "status" to go with.`;
  return {
    method: method?.toString().toUpperCase(),
    path: pattern,
    status: status as number | undefined,
    code: code as string | undefined,
    retryAfter: retry,
    times,
    after,
    hangMs: hangMs as number | undefined,
    dropConnection,
  };
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}

function readPattern(path: unknown): RegExp | undefined | false {
  if (path === undefined) return undefined;
  if (typeof path !== 'string') return false;
  try {
    return new RegExp(path);
  } catch {
    return false;
  }
}

function readRetryAfter(value: unknown): string | undefined | false {
  if (value === undefined) return undefined;
  if (typeof value === 'number') return value >= 0 && Number.isFinite(value) ? String(value) : false;
  if (typeof value !== 'string') return false;
  if (/^\d+$/.test(value)) return value;
  return /^[\x20-\x7e]+$/.test(value) && !Number.isNaN(Date.parse(value)) ? value : false;
}
