import Module from 'node:module';

/** Log levels of the Functions host, in rising order. */
export type LogLevel = 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical';

/** One input, output or trigger of a function, as the library describes it to the host. */
export interface Binding {
  readonly type: string;
  readonly direction: 'in' | 'out';
  readonly [option: string]: unknown;
}

/** A function as the app registered it. */
export interface RegisteredFunction {
  readonly name: string;
  readonly bindings: Readonly<Record<string, Binding>>;
  /** Name of the trigger among the bindings. */
  readonly triggerName: string;
  readonly trigger: Binding;
  readonly callback: (...args: unknown[]) => unknown;
}

/** A value on its way to the library, in the shape of the host's TypedData message. */
export type TypedData = { readonly string: string } | { readonly json: string } | { readonly http: object };

/** What the host tells the library about one invocation. */
export interface CoreInvocationContext {
  readonly invocationId: string;
  readonly metadata: { readonly name: string; readonly bindings: RegisteredFunction['bindings'] };
  state: 'preInvocationHooks' | 'invocation' | 'postInvocationHooks' | undefined;
  readonly request: {
    readonly invocationId: string;
    readonly functionId: string;
    readonly inputData: readonly { readonly name: string; readonly data: TypedData }[];
    readonly triggerMetadata: Readonly<Record<string, TypedData>>;
    readonly traceContext: { readonly traceParent: string; readonly traceState: string; readonly attributes: object };
  };
  log(level: LogLevel, category: string, message: string): void;
}

/** The part of the library that turns host messages into handler calls. */
export interface ProgrammingModel {
  getInvocationModel(context: CoreInvocationContext): {
    getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
    invokeFunction(context: unknown, inputs: unknown[], callback: RegisteredFunction['callback']): Promise<unknown>;
    getResponse(context: unknown, result: unknown): Promise<unknown>;
  };
  getCapabilities(capabilities: Record<string, string>): Promise<Record<string, string>>;
}

type HookName = 'appStart' | 'appTerminate' | 'preInvocation' | 'postInvocation' | 'log';
type Hook = (context: object) => unknown;

/** The host's side of the conversation with `@azure/functions`. */
export interface CoreModule {
  readonly functions: ReadonlyMap<string, RegisteredFunction>;
  /** The library's programming model; an error when the app never loaded the library. */
  programmingModel(): ProgrammingModel;
  /** From here on, as in Azure, no function can be registered. */
  lock(): void;
  runHooks(name: HookName, context: object): Promise<void>;
}

const SUPPORTED_BINDINGS = new Set(['httptrigger', 'queuetrigger', 'timertrigger', 'http']);

class Disposable {
  readonly #dispose: () => void;
  constructor(dispose: () => void) {
    this.#dispose = dispose;
  }
  dispose(): void {
    this.#dispose();
  }
}

/**
 * Provides the module `@azure/functions-core`, which no package holds: in Azure the Node worker does so by the same
 * interception of `require`. Must be called before the app is loaded, once per process: the library keeps the first
 * one it finds.
 */
export function provideCoreModule(log: (level: LogLevel, source: string, message: string) => void): CoreModule {
  const functions = new Map<string, RegisteredFunction>();
  const hooks: Record<HookName, Hook[]> = {
    appStart: [],
    appTerminate: [],
    preInvocation: [],
    postInvocation: [],
    log: [],
  };
  const appHookData = {};
  let model: ProgrammingModel | undefined;
  let locked = false;

  const core = {
    version: '4.0.0-local',
    hostVersion: '4.0.0-local',
    Disposable,
    setProgrammingModel(programmingModel: ProgrammingModel) {
      model = programmingModel;
    },
    getProgrammingModel: () => model,
    log: (level: LogLevel, _category: string, message: string) => log(level, 'library', message),
    registerHook(name: string, hook: Hook) {
      const list = hooks[name as HookName];
      // The library recognises a host without log hooks by exactly this error.
      if (!list)
        throw Object.assign(new RangeError(`Unrecognized hook "${name}"`), { isAzureFunctionsSystemError: true });
      list.push(hook);
      return new Disposable(() => list.splice(list.indexOf(hook), 1));
    },
    registerFunction(
      metadata: { name: string; bindings: Record<string, Binding>; retryOptions?: unknown },
      callback: RegisteredFunction['callback'],
    ) {
      const { name, bindings, retryOptions } = metadata;
      if (locked) throw new Error('A function can only be registered during app startup.');
      if (functions.has(name)) throw new Error(`A function named "${name}" has already been registered.`);
      const unknown = Object.values(bindings).find(({ type }) => !SUPPORTED_BINDINGS.has(type.toLowerCase()));
      if (unknown) throw new Error(`Function ${name}: the local runtime has no binding "${unknown.type}".`);
      if (retryOptions) throw new Error(`Function ${name}: the local runtime has no retry policies.`);
      const found = Object.entries(bindings).find(([, { type }]) => /trigger$/i.test(type));
      if (!found) throw new Error(`Function ${name} has no trigger.`);
      const [triggerName, trigger] = found;
      functions.set(name, { name, bindings, triggerName, trigger, callback });
      return new Disposable(() => functions.delete(name));
    },
  };

  const loader = Module.prototype as unknown as { require: (id: string) => unknown };
  loader.require = new Proxy(loader.require, {
    apply: (target, self, args: [string]) =>
      args[0] === '@azure/functions-core' ? core : Reflect.apply(target, self, args),
  });

  return {
    functions,
    programmingModel() {
      if (!model) throw new Error('The app did not load @azure/functions: it registered no function.');
      return model;
    },
    lock() {
      locked = true;
    },
    async runHooks(name, context) {
      for (const hook of hooks[name]) await hook(Object.assign(context, { appHookData }));
    },
  };
}
