/** Reads and evaluates the expressions of ARM templates: `[format('{0}-poison', parameters('name'))]`. */

export type Json = string | number | boolean | null | undefined | Json[] | { [name: string]: Json };

export type Expression =
  | { readonly kind: 'literal'; readonly value: string | number }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  | { readonly kind: 'member'; readonly of: Expression; readonly key: Expression };

/** Everything an expression may name. Arguments come unevaluated, because `if` and `lambda` need them so. */
export interface Scope {
  call(name: string, args: readonly Expression[], scope: Scope): Json;
}

/** The expression in a template's string, or undefined when the string is just a string. */
export function expressionOf(text: string): Expression | undefined {
  if (!text.startsWith('[') || !text.endsWith(']') || text.startsWith('[[')) return undefined;
  return parseExpression(text.slice(1, -1));
}

export function evaluate(expression: Expression, scope: Scope): Json {
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'call':
      return scope.call(expression.name, expression.args, scope);
    case 'member': {
      const of = evaluate(expression.of, scope);
      const key = evaluate(expression.key, scope);
      return (of as Record<string, Json> | undefined)?.[String(key)];
    }
  }
}

/** Replaces every expression inside a value by what it evaluates to. */
export function evaluateDeep(value: Json, scope: Scope): Json {
  if (typeof value === 'string') {
    const expression = expressionOf(value);
    if (expression) return evaluate(expression, scope);
    return value.startsWith('[[') ? value.slice(1) : value;
  }
  if (Array.isArray(value)) return value.map((item) => evaluateDeep(item, scope));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [String(evaluateDeep(name, scope)), evaluateDeep(item, scope)]),
  );
}

const TOKEN =
  /\s*(?:'((?:[^']|'')*)'|(-?\d+)|([A-Za-z_$][\w$]*(?:\.[A-Za-z_]\w*)*)(?=\()|(\.?[.?]?[A-Za-z_]\w*)|([()[\],]))/y;

function parseExpression(text: string): Expression {
  let at = 0;
  const next = (): RegExpExecArray => {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text);
    if (!token) throw new Error(`Cannot read the expression at ${at}: ${text}`);
    at = TOKEN.lastIndex;
    return token;
  };
  const peek = (): string => text.slice(at).trimStart()[0] ?? '';
  const expect = (sign: string): void => {
    if (next()[5] !== sign) throw new Error(`Expected ${sign} before ${at}: ${text}`);
  };

  const parse = (): Expression => {
    const [, string, number, name] = next();
    let found: Expression;
    if (string !== undefined) found = { kind: 'literal', value: string.replaceAll("''", "'") };
    else if (number !== undefined) found = { kind: 'literal', value: Number(number) };
    else if (name !== undefined) {
      expect('(');
      const args: Expression[] = [];
      while (peek() !== ')') {
        args.push(parse());
        if (peek() === ',') expect(',');
      }
      expect(')');
      found = { kind: 'call', name, args };
    } else throw new Error(`Expected a value before ${at}: ${text}`);
    for (;;) {
      if (peek() === '.') {
        const key = next()[4]!.replace(/^[.?]+/, '');
        found = { kind: 'member', of: found, key: { kind: 'literal', value: key } };
      } else if (peek() === '[') {
        expect('[');
        found = { kind: 'member', of: found, key: parse() };
        expect(']');
      } else return found;
    }
  };
  return parse();
}
