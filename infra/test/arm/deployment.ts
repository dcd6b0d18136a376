/**
 * What a compiled template would deploy with given parameters: every module entered, every loop run, every condition
 * decided, every expression evaluated. So a check can look at the storage account, not at the text that makes it.
 */
import { type Expression, evaluate, evaluateDeep, type Json, type Scope } from './expression.ts';
import { callTemplateFunction } from './templateFunctions.ts';

type Fields = { [name: string]: Json };

export interface Template {
  readonly parameters?: Record<string, Fields & { type?: string }>;
  readonly variables?: Fields;
  readonly functions?: readonly { namespace: string; members: Record<string, UserFunction> }[];
  readonly resources: readonly Fields[] | Record<string, Fields>;
  readonly outputs?: Record<string, Fields>;
}

interface UserFunction {
  readonly parameters: readonly { readonly name: string }[];
  readonly output: { readonly value: Json };
}

export interface Resource extends Fields {
  readonly type: string;
  readonly name: string;
  readonly properties: Fields;
}

export interface Deployment {
  readonly resources: readonly Resource[];
  readonly outputs: Fields;
}

/** What Azure would answer about a resource that exists, as far as our templates ask. */
function runtimeState(type: string, name: string): Fields {
  switch (type) {
    case 'Microsoft.Storage/storageAccounts':
      return {
        primaryEndpoints: { blob: `https://${name}.blob.example/`, queue: `https://${name}.queue.example/` },
      };
    case 'Microsoft.ManagedIdentity/userAssignedIdentities':
      return {
        principalId: '11111111-1111-4111-8111-111111111111',
        clientId: '22222222-2222-4222-8222-222222222222',
      };
    case 'Microsoft.Insights/components':
      return { ConnectionString: 'InstrumentationKey=33333333-3333-4333-8333-333333333333' };
    case 'Microsoft.Web/sites':
      return { defaultHostName: `${name}.example` };
    default:
      return {};
  }
}

export function deploy(template: Template, given: Fields): Deployment {
  const resources: Resource[] = [];
  const modules = new Map<string, Fields>();
  const definitions: readonly (readonly [string, Fields])[] = Array.isArray(template.resources)
    ? template.resources.map((resource, index) => [String(index), resource as Fields] as const)
    : Object.entries(template.resources as Record<string, Fields>);
  const known = new Map(definitions);
  const variables = new Map<string, Json>();

  const scopeWith = (copies: ReadonlyMap<string, number>): Scope => ({
    call(name, args, scope) {
      const first = args[0] && (name in SELF || name === 'reference') ? String(evaluate(args[0], scope)) : '';
      switch (name) {
        case 'parameters':
          return parameter(first);
        case 'variables':
          return variable(first);
        case 'copyIndex':
          return copies.get(first) ?? copies.get('') ?? 0;
        case 'reference':
          return reference(first, args);
        default:
          return userFunction(name, args, scope) ?? callTemplateFunction(name, args, scope);
      }
    },
  });
  const scope = scopeWith(new Map());

  function parameter(name: string): Json {
    const definition = template.parameters?.[name];
    if (!definition) throw new Error(`There is no parameter ${name}.`);
    return name in given ? given[name] : evaluateDeep(definition.defaultValue, scope);
  }

  function variable(name: string): Json {
    if (!variables.has(name)) {
      const looped = ((template.variables?.copy ?? []) as Fields[]).find((copy) => copy.name === name);
      variables.set(name, looped ? loop(looped, new Map()) : withCopies(template.variables?.[name], new Map()));
    }
    return variables.get(name);
  }

  /** A `copy` of a property or variable: its input, once for each index. */
  function loop(copy: Fields, copies: ReadonlyMap<string, number>): Json[] {
    const count = Number(evaluateDeep(copy.count, scopeWith(copies)));
    return Array.from({ length: count }, (_, index) =>
      withCopies(copy.input, new Map([...copies, [String(copy.name), index]])),
    );
  }

  function withCopies(value: Json, copies: ReadonlyMap<string, number>): Json {
    if (Array.isArray(value)) return value.map((item) => withCopies(item, copies));
    if (value === null || typeof value !== 'object') return evaluateDeep(value, scopeWith(copies));
    const { copy, ...rest } = value;
    const looped = Array.isArray(copy)
      ? (copy as Fields[]).map((one) => [String(one.name), loop(one, copies)] as const)
      : [];
    const plain = Object.entries(rest).map(
      ([name, item]) => [String(evaluateDeep(name, scopeWith(copies))), withCopies(item, copies)] as const,
    );
    return Object.fromEntries([...plain, ...looped]);
  }

  /** Runtime state of a resource by symbolic name or resource id; of a module, its outputs. */
  function reference(target: string, args: readonly Expression[]): Json {
    const definition = known.get(target);
    if (definition?.type === 'Microsoft.Resources/deployments') return { outputs: moduleOutputs(target, definition) };
    if (definition) return runtimeState(String(definition.type), String(evaluateDeep(definition.name, scope)));
    if (args.length === 0 || !target.includes('/providers/')) throw new Error(`There is no resource ${target}.`);
    const [provider, kind, name] = target.split('/providers/')[1]!.split('/');
    return runtimeState(`${provider}/${kind}`, name!);
  }

  function moduleOutputs(symbol: string, definition: Fields): Fields {
    const made = modules.get(symbol);
    if (made) return made;
    const { template: inner, parameters = {} } = definition.properties as { template: Json; parameters?: Fields };
    const values = Object.entries(withCopies(parameters, new Map()) as Record<string, Fields>);
    const deployed = deploy(
      inner as unknown as Template,
      Object.fromEntries(values.map(([name, { value }]) => [name, value])),
    );
    resources.push(...deployed.resources);
    const outputs = Object.fromEntries(Object.entries(deployed.outputs).map(([name, value]) => [name, { value }]));
    modules.set(symbol, outputs);
    return outputs;
  }

  function userFunction(name: string, args: readonly Expression[], outer: Scope): Json {
    const [namespace, member] = name.split('.');
    const found = template.functions?.find((group) => group.namespace === namespace)?.members[member ?? ''];
    if (!found) return undefined;
    const values = new Map(found.parameters.map((each, index) => [each.name, evaluate(args[index]!, outer)]));
    const inner: Scope = {
      call: (called, calledArgs, within) =>
        called === 'parameters'
          ? values.get(String(evaluate(calledArgs[0]!, within)))
          : (userFunction(called, calledArgs, within) ?? callTemplateFunction(called, calledArgs, within)),
    };
    return evaluateDeep(found.output.value, inner);
  }

  for (const [symbol, definition] of known) {
    if (definition.existing || ('condition' in definition && !evaluateDeep(definition.condition, scope))) continue;
    if (definition.type === 'Microsoft.Resources/deployments') {
      moduleOutputs(symbol, definition);
      continue;
    }
    const { copy, condition: _, dependsOn: __, ...fields } = definition;
    const count = copy ? Number(evaluateDeep((copy as Fields).count, scope)) : 1;
    for (let index = 0; index < count; index++) resources.push(withCopies(fields, new Map([['', index]])) as Resource);
  }
  const outputs = Object.entries(template.outputs ?? {}).map(([name, output]) => [
    name,
    evaluateDeep(output.value, scope),
  ]);
  return { resources, outputs: Object.fromEntries(outputs) };
}

const SELF = { parameters: true, variables: true, copyIndex: true };
