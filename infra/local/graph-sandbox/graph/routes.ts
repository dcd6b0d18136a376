// Which handler answers a method and path below /v1.0.

import type { GraphHandler } from './graphCall.ts';

/** `path` is relative to /v1.0; a segment `{name}` matches anything and is decoded into `params`. */
export interface GraphRoute {
  readonly method: string;
  readonly path: string;
  readonly handler: GraphHandler;
  /** The URL itself authorises the call (upload sessions): a bearer token is neither needed nor allowed. */
  readonly preauthorised?: boolean;
}

/** What a path led to. */
export type RouteFinding =
  | { readonly kind: 'found'; readonly route: GraphRoute; readonly params: Readonly<Record<string, string>> }
  | { readonly kind: 'wrong method'; readonly allowed: readonly string[] }
  | { readonly kind: 'unknown' };

/** Finds the route; segments compare without regard to case, as Graph's do. */
export function findRoute(routes: readonly GraphRoute[], method: string, path: string): RouteFinding {
  const segments = path.split('/').filter((segment) => segment !== '');
  const allowed: string[] = [];
  for (const route of routes) {
    const params = match(route.path.split('/'), segments);
    if (!params) continue;
    if (route.method === method) return { kind: 'found', route, params };
    allowed.push(route.method);
  }
  return allowed.length > 0 ? { kind: 'wrong method', allowed } : { kind: 'unknown' };
}

function match(pattern: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const segment = decodeSegment(segments[index]!);
    if (expected.startsWith('{')) params[expected.slice(1, -1)] = segment;
    else if (expected.toLowerCase() !== segment.toLowerCase()) return undefined;
  }
  return params;
}

/** The segment percent-decoded, or as it is when its escapes are broken. */
export function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
