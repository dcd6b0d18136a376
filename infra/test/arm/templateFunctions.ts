/** The functions of ARM templates that ours use, as far as they can be known before anything is deployed. */
import { createHash } from 'node:crypto';
import { type Expression, evaluate, type Json, type Scope } from './expression.ts';

const SUBSCRIPTION = '/subscriptions/00000000-0000-0000-0000-000000000001';
export const GROUP = `${SUBSCRIPTION}/resourceGroups/rg-test`;

const digest = (args: readonly Json[]) => createHash('sha256').update(JSON.stringify(args)).digest('hex');

function guid(args: readonly Json[]): string {
  const hex = digest(args);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function resourceId(args: readonly Json[]): string {
  const [type, ...names] = args.map(String) as [string, ...string[]];
  const [provider, ...kinds] = type.split('/');
  return `${GROUP}/providers/${provider}/${kinds.map((kind, index) => `${kind}/${names[index]}`).join('/')}`;
}

const list = (value: Json) => value as Json[];
const object = (value: Json) => value as Record<string, Json>;

const EAGER: Readonly<Record<string, (...args: Json[]) => Json>> = {
  add: (a, b) => Number(a) + Number(b),
  and: (...all) => all.every(Boolean),
  cidrSubnet: (range, bits, index) => `${String(range)}#${String(index)}/${String(bits)}`,
  concat: (...parts) => (Array.isArray(parts[0]) ? parts.flat() : parts.join('')),
  coalesce: (...all) => all.find((value) => value !== null && value !== undefined) ?? null,
  createArray: (...items) => items,
  createObject: (...pairs) =>
    Object.fromEntries(pairs.flatMap((key, at) => (at % 2 ? [] : [[String(key), pairs[at + 1] as Json]]))),
  deployment: () => ({ name: 'test' }),
  empty: (value) => value === null || value === undefined || value === '' || Object.keys(object(value)).length === 0,
  environment: () => ({ suffixes: { storage: 'core.windows.net', keyvaultDns: '.vault.azure.net' } }),
  equals: (a, b) => JSON.stringify(a) === JSON.stringify(b),
  false: () => false,
  format: (text, ...args) => String(text).replace(/\{(\d+)\}/g, (_, index) => String(args[Number(index)])),
  greater: (a, b) => Number(a) > Number(b),
  guid: (...args) => guid(args),
  items: (value) =>
    Object.entries(object(value))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => ({ key, value: item })),
  length: (value) => (typeof value === 'string' ? value : Object.keys(object(value))).length,
  not: (value) => !value,
  null: () => null,
  or: (...all) => all.some(Boolean),
  replace: (text, from, to) => String(text).replaceAll(String(from), String(to)),
  resourceGroup: () => ({ id: GROUP, name: 'rg-test' }),
  resourceId: (...args) => resourceId(args),
  split: (text, by) => String(text).split(String(by)),
  string: (value) => (typeof value === 'string' ? value : JSON.stringify(value)),
  subscription: () => ({ id: SUBSCRIPTION, subscriptionId: SUBSCRIPTION.split('/')[2] }),
  subscriptionResourceId: (type, name) => `${SUBSCRIPTION}/providers/${String(type)}/${String(name)}`,
  tenant: () => ({ tenantId: guid(['tenant']) }),
  toLower: (text) => String(text).toLowerCase(),
  true: () => true,
  union: (...all) => (Array.isArray(all[0]) ? [...new Set(all.flat())] : Object.assign({}, ...all)),
  uniqueString: (...args) => digest(args).slice(0, 13),
};

type Lazy = (args: readonly Expression[], scope: Scope) => Json;

/** One lambda of `map` and `filter`: `lambda('name', body)`. */
function lambda(expression: Expression | undefined): { name: string; body: Expression } {
  if (expression?.kind !== 'call' || expression.name !== 'lambda') throw new Error('Expected a lambda.');
  const [name, body] = expression.args;
  if (name?.kind !== 'literal' || !body) throw new Error('Expected a lambda of one variable.');
  return { name: String(name.value), body };
}

function withVariable(scope: Scope, name: string, value: Json): Scope {
  const inner: Scope = {
    call(called, args, within) {
      const [first] = args;
      if (called === 'lambdaVariables' && first?.kind === 'literal' && first.value === name) return value;
      return scope.call(called, args, within);
    },
  };
  return inner;
}

const LAZY: Readonly<Record<string, Lazy>> = {
  if: ([condition, yes, no], scope) => evaluate(evaluate(condition!, scope) ? yes! : no!, scope),
  map: ([items, each], scope) => {
    const { name, body } = lambda(each);
    return list(evaluate(items!, scope)).map((item) => evaluate(body, withVariable(scope, name, item)));
  },
  filter: ([items, each], scope) => {
    const { name, body } = lambda(each);
    return list(evaluate(items!, scope)).filter((item) => evaluate(body, withVariable(scope, name, item)));
  },
};

/** Calls a function of the template language; throws for one that is not known here. */
export function callTemplateFunction(name: string, args: readonly Expression[], scope: Scope): Json {
  const lazy = LAZY[name];
  if (lazy) return lazy(args, scope);
  const eager = EAGER[name];
  if (!eager) throw new Error(`The template function ${name} is not known to this check: add it.`);
  return eager(...args.map((argument) => evaluate(argument, scope)));
}
