import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFlags } from '../flags.ts';
import { StartError } from '../startError.ts';

const read = (...args: string[]) => readFlags(args, { root: '/repository', caller: '/home/kim' });

test('without flags the well-known ports are used, one worker, the edge and the sandbox', () => {
  assert.deepEqual(read(), {
    smtpPort: 2525,
    httpPort: 7071,
    inboxPort: 8025,
    dataDirectory: '/repository/.local',
    workers: 1,
    graphUrl: undefined,
    edge: true,
    graphLimits: false,
  });
});

test('each flag is taken', () => {
  const ports = ['--smtp-port', '0', '--http-port', '1', '--inbox-port=65535'];
  assert.deepEqual(
    read(...ports, '--data', 'x/y', '--workers', '3', '--graph-url', 'https://x.test/', '--no-edge', '--graph-limits'),
    {
      smtpPort: 0,
      httpPort: 1,
      inboxPort: 65535,
      dataDirectory: '/home/kim/x/y',
      workers: 3,
      graphUrl: 'https://x.test',
      edge: false,
      graphLimits: true,
    },
  );
  assert.equal(read('--help', '--workers', '0'), 'help');
});

test('several ports may be 0, but two parts cannot have the same one', () => {
  assert.notEqual(read('--smtp-port', '0', '--http-port', '0', '--inbox-port', '0'), 'help');
  assert.throws(() => read('--http-port', '9000', '--inbox-port', '9000'), /must differ/);
  assert.notEqual(read('--no-edge', '--smtp-port', '9000', '--inbox-port', '9000'), 'help');
});

test('a wrong flag is refused in one sentence that names it', () => {
  const wrong: [string[], RegExp][] = [
    [['--port', '1'], /^Unknown option '--port'; "npm start -- --help" lists the flags\.$/],
    [['7071'], /^Unexpected argument '7071'/],
    [['--http-port'], /^Option '--http-port <value>' argument missing; /],
    [['--no-edge=yes'], /^Option '--no-edge' does not take an argument; /],
    [['--http-port', 'x'], /^--http-port must be a number from 0 to 65535, not "x"\.$/],
    [['--http-port', '65536'], /^--http-port must be/],
    [['--smtp-port', '-1'], /--smtp-port/],
    [['--smtp-port', '1.5'], /^--smtp-port must be/],
    [['--inbox-port', ''], /^--inbox-port must be/],
    [['--workers', '0'], /^--workers must be a number from 1 to 16, not "0"\.$/],
    [['--workers', '17'], /^--workers must be/],
    [['--graph-url', 'graph'], /^--graph-url must be an http or https URL, not "graph"\.$/],
    [['--graph-url', 'file:///etc/passwd'], /^--graph-url must be/],
  ];
  for (const [args, sentence] of wrong)
    assert.throws(
      () => read(...args),
      (error) => error instanceof StartError && sentence.test(error.message) && !error.message.includes('\n'),
      args.join(' '),
    );
});
