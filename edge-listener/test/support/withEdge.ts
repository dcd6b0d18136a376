// A test with an edge and a function app of its own.
import { test } from 'node:test';
import { type FakeRelay, startFakeRelay } from './fakeRelay.ts';
import { runEdge, type TestEdge, temporaryDirectory } from './runEdge.ts';

/** What a test gets. */
export interface Setting {
  edge: TestEdge;
  relay: FakeRelay;
  directory: string;
}

/** A test with an edge of its own; `overrides` gets a directory for certificates and the like. */
export function withEdge(
  what: string,
  overrides: (directory: string) => object | Promise<object>,
  body: (setting: Setting) => Promise<void>,
) {
  test(what, async () => {
    const { path, remove } = temporaryDirectory();
    const relay = await startFakeRelay();
    const edge = await runEdge(relay.url, `${path}/spool`, { ...(await overrides(path)) });
    try {
      await body({ edge, relay, directory: path });
    } finally {
      await edge.stop();
      await relay.close();
      remove();
    }
  });
}
