import type { RegisteredFunction } from './coreModule.ts';

/** Where a request goes: the function and the values of its route parameters. */
export interface RouteMatch {
  readonly function: RegisteredFunction;
  readonly params: Readonly<Record<string, string>>;
}

interface Route {
  readonly function: RegisteredFunction;
  readonly methods: ReadonlySet<string>;
  readonly pattern: RegExp;
  readonly names: readonly string[];
  /** Sorts literal segments before constrained parameters before free ones, as ASP.NET's router does. */
  readonly rank: string;
}

const CONSTRAINTS: Readonly<Record<string, string>> = {
  int: '-?\\d+',
  long: '-?\\d+',
  guid: '[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}',
  alpha: '[A-Za-z]+',
  bool: 'true|false',
};

/**
 * Finds the function for a method and path, as the host's router does: without regard to case, the most literal route
 * first; undefined (404) also where only the method does not fit.
 */
export function createRouter(
  functions: Iterable<RegisteredFunction>,
  routePrefix: string,
): (method: string, path: string) => RouteMatch | undefined {
  const routes = [...functions]
    .filter(({ trigger }) => trigger.type.toLowerCase() === 'httptrigger')
    .map((fn) => compileRoute(routePrefix, fn))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1));
  return (method, path) => {
    for (const route of routes) {
      const found = route.methods.has(method) ? route.pattern.exec(path) : null;
      if (!found) continue;
      const params: Record<string, string> = {};
      for (const [i, name] of route.names.entries()) {
        const value = found[i + 1];
        if (value !== undefined) params[name] = decodeSegment(value);
      }
      return { function: route.function, params };
    }
    return undefined;
  };
}

function compileRoute(prefix: string, fn: RegisteredFunction): Route {
  const names: string[] = [];
  let pattern = '';
  let rank = '';
  for (const segment of `${prefix}/${String(fn.trigger.route ?? fn.name)}`.split('/').filter(Boolean)) {
    const catchAll = /^\{\*{1,2}(\w+)\}$/.exec(segment);
    if (catchAll) {
      names.push(catchAll[1]!);
      pattern += '(?:/(.*))?';
      rank += '4';
      continue;
    }
    const compiled = compileSegment(segment, fn.name);
    names.push(...compiled.names);
    pattern += compiled.optional ? `(?:/${compiled.pattern})?` : `/${compiled.pattern}`;
    rank += compiled.kind;
  }
  const methods = (fn.trigger.methods ?? ['GET', 'POST']) as string[];
  return {
    function: fn,
    names,
    rank,
    pattern: new RegExp(`^${pattern || '/'}/?$`, 'i'),
    methods: new Set(methods.map((method) => method.toUpperCase())),
  };
}

function compileSegment(
  segment: string,
  functionName: string,
): { names: string[]; pattern: string; optional: boolean; kind: string } {
  const names: string[] = [];
  let optional = false;
  let kind = segment.includes('{') ? '3' : '1';
  const pattern = segment
    .split(/(\{[^}]*\})/)
    .map((part) => {
      const parameter = /^\{(\w+)(?::(\w+))?(\?)?\}$/.exec(part);
      if (!parameter) {
        if (part.startsWith('{')) throw new Error(`Function ${functionName}: unknown route part ${part}.`);
        return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      }
      const [, name, constraint, mark] = parameter;
      const allowed = constraint === undefined ? '[^/]+?' : CONSTRAINTS[constraint];
      if (allowed === undefined) throw new Error(`Function ${functionName}: unknown route constraint ${constraint}.`);
      if (constraint !== undefined) kind = '2';
      names.push(name!);
      optional ||= mark === '?';
      return `(${allowed})`;
    })
    .join('');
  return { names, pattern, optional, kind };
}

function decodeSegment(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A stray percent sign is passed on as it came, for the handler to refuse.
    return text;
  }
}
