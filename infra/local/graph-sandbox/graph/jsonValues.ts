// Values in a request's JSON, or Graph's refusal of what is none.

import { GraphError } from './graphError.ts';

/** A refusal of a JSON value that is not what its property needs. */
export function unreadable(message: string): GraphError {
  return new GraphError('RequestBodyRead', message);
}

/** `value` as text, or the refusal. */
export function text(name: string, value: unknown): string {
  if (typeof value !== 'string') throw unreadable(`The property '${name}' must be a string.`);
  return value;
}

/** `value` as true or false, or the refusal. */
export function flag(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw unreadable(`The property '${name}' must be true or false.`);
  return value;
}

/** `value` as a JSON object, or the refusal. */
export function object(name: string, value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw unreadable(`The property '${name}' must be an object.`);
  return value as Record<string, unknown>;
}

/** `value` as a JSON array, or the refusal. */
export function list(name: string, value: unknown): unknown[] {
  if (!Array.isArray(value)) throw unreadable(`The property '${name}' must be an array.`);
  return value;
}
