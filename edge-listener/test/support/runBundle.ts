// The bundle as its user runs it: one file, Node alone.
import assert from 'node:assert/strict';
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from './runEdge.ts';
import { until } from './until.ts';

/** One run of the bundle. */
export interface Run {
  readonly child: ChildProcess;
  out(): string;
  err(): string;
  readonly exit: Promise<number | null>;
  /** The port of its first listener, once it is ready. */
  port(): Promise<number>;
}

/** A directory with the bundle in it; what runs from it ends with {@link Bundle.remove}. */
export interface Bundle {
  readonly directory: string;
  /** Runs it; the key is `test-key` unless `environment` says otherwise. */
  run(args: string[], environment?: Record<string, string>, options?: SpawnOptions): Run;
  /** Writes a configuration into the directory. */
  config(name: string, text: Record<string, unknown>): string;
  remove(): void;
}

export function installBundle(): Bundle {
  const { path, remove } = temporaryDirectory();
  chmodSync(path, 0o755); // other users run it, too
  const bundle = join(path, 'edge-listener.cjs');
  copyFileSync(fileURLToPath(new URL('../../dist/edge-listener.cjs', import.meta.url)), bundle);
  const running = new Set<ChildProcess>();
  return {
    directory: path,
    run(args, environment = { RELAY_KEY: 'test-key' }, options = {}) {
      const env = { PATH: process.env.PATH!, ...environment };
      const child = spawn(process.execPath, [bundle, ...args], { ...options, env });
      running.add(child);
      let out = '';
      let err = '';
      child.stdout!.on('data', (data) => (out += data));
      child.stderr!.on('data', (data) => (err += data));
      const exit = new Promise<number | null>((resolve) =>
        child.on('close', (code) => {
          running.delete(child);
          resolve(code);
        }),
      );
      return {
        child,
        out: () => out,
        err: () => err,
        exit,
        async port() {
          await until('the edge listens, or ends', () => out.includes('edge.ready') || child.exitCode !== null, 15_000);
          assert.equal(child.exitCode, null, err);
          const line = out.split('\n').find((text) => text.includes('edge.listening'))!;
          return (JSON.parse(line) as { port: number }).port;
        },
      };
    },
    config(name, text) {
      const file = join(path, `${name}.yaml`);
      writeFileSync(file, JSON.stringify(text));
      return file;
    },
    remove() {
      for (const child of running) child.kill('SIGKILL');
      remove();
    },
  };
}
