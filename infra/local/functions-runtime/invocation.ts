import { randomUUID } from 'node:crypto';
import type { CoreInvocationContext, CoreModule, LogLevel, RegisteredFunction, TypedData } from './coreModule.ts';

/** One call of a function, on its way in. */
export interface Invocation {
  readonly function: RegisteredFunction;
  /** An id of the caller's own, for the library's streaming of HTTP bodies. */
  readonly id?: string;
  readonly data: TypedData;
  readonly triggerMetadata?: Readonly<Record<string, TypedData>>;
  readonly traceParent?: string;
  readonly traceState?: string;
}

/** Calls functions the way the Azure Functions Node worker does, and knows which calls are still running. */
export interface Invoker {
  /** Runs the handler with its hooks; rejects with what it threw. `answered` is false when it returned nothing. */
  invoke(invocation: Invocation): Promise<{ readonly answered: boolean }>;
  /** Resolves when nothing is running any more. */
  settled(): Promise<void>;
}

/** Hooks may replace these between the steps of an invocation. */
interface PreInvocation {
  inputs: unknown[];
  functionCallback: RegisteredFunction['callback'];
}
interface PostInvocation {
  result: unknown;
  error: unknown;
}

/** An {@link Invoker} for the functions of one app. */
export function createInvoker(
  core: CoreModule,
  log: (level: LogLevel, source: string, message: string) => void,
): Invoker {
  const running = new Set<Promise<unknown>>();

  async function invokeNow(invocation: Invocation): Promise<{ answered: boolean }> {
    const {
      function: fn,
      id = randomUUID(),
      data,
      triggerMetadata = {},
      traceParent = '',
      traceState = '',
    } = invocation;
    const context: CoreInvocationContext = {
      invocationId: id,
      metadata: { name: fn.name, bindings: fn.bindings },
      state: undefined,
      request: {
        invocationId: id,
        functionId: fn.name,
        inputData: [{ name: fn.triggerName, data }],
        triggerMetadata,
        traceContext: { traceParent, traceState, attributes: {} },
      },
      log: (level, _category, message) => log(level, fn.name, message),
    };
    const model = core.programmingModel().getInvocationModel(context);
    const { context: invocationContext, inputs } = await model.getArguments();
    const hookData = {};

    const pre: PreInvocation = { inputs, functionCallback: fn.callback };
    context.state = 'preInvocationHooks';
    await core.runHooks('preInvocation', Object.assign(pre, { invocationContext, hookData }));

    const post: PostInvocation = { result: null, error: null };
    context.state = 'invocation';
    try {
      post.result = await model.invokeFunction(invocationContext, pre.inputs, pre.functionCallback);
    } catch (error) {
      post.error = error ?? new Error('The handler threw nothing.');
    }
    context.state = 'postInvocationHooks';
    await core.runHooks('postInvocation', Object.assign(post, { invocationContext, inputs: pre.inputs, hookData }));
    context.state = undefined;

    if (post.error) throw post.error;
    await model.getResponse(invocationContext, post.result);
    return { answered: post.result !== null && post.result !== undefined };
  }

  return {
    async invoke(invocation) {
      const run = invokeNow(invocation);
      running.add(run);
      try {
        return await run;
      } catch (error) {
        log('error', invocation.function.name, `failed: ${error instanceof Error ? error.stack : String(error)}`);
        throw error;
      } finally {
        running.delete(run);
      }
    },
    async settled() {
      while (running.size > 0) await Promise.allSettled(running);
    },
  };
}
