import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClientNetworks, networkProblem } from '../../src/config/clientNetworks.ts';
import { addressRuleProblem, createAddressRules } from '../../src/policy/addressRules.ts';
import { createAuthBans } from '../../src/policy/authBans.ts';
import { listedAddresses } from '../../src/policy/headerAddresses.ts';
import { createPasswordCheck, hashPassword, passwordHashProblem } from '../../src/policy/passwordHash.ts';
import { createRateLimit } from '../../src/policy/rateLimit.ts';
import { overdue } from '../../src/smtp/deadlines.ts';
import { createHeaderTap } from '../../src/smtp/headerTap.ts';

test('rules allow everything, a domain, its subdomains or one address, whatever the case', () => {
  const allows = (rules: string[] | undefined, address: string) => createAddressRules(rules)(address);
  assert.equal(allows(undefined, 'a@b.example'), true);
  assert.equal(allows(['*'], 'a@b.example'), true);
  assert.equal(allows([], 'a@b.example'), false);
  assert.equal(allows(['@Contoso.com'], 'Bob@CONTOSO.com'), true);
  assert.equal(allows(['@contoso.com'], 'bob@sub.contoso.com'), false);
  assert.equal(allows(['@contoso.com'], 'bob@evilcontoso.com'), false);
  assert.equal(allows(['@*.contoso.com'], 'bob@sub.contoso.com'), true);
  assert.equal(allows(['@*.contoso.com'], 'bob@contoso.com'), false);
  assert.equal(allows(['bob@contoso.com'], 'bob@contoso.com'), true);
  assert.equal(allows(['bob@contoso.com'], 'jim@contoso.com'), false);
  for (const rule of ['*', '@a.example', '@*.a.example', 'a@b.example'])
    assert.equal(addressRuleProblem(rule), undefined);
  for (const rule of ['', 'contoso.com', '@', '*@a.example', '@a..b', 'a b@c.example'])
    assert.ok(addressRuleProblem(rule));
});

test('address lists are read as a mail program reads them', () => {
  const lists: [string, string[] | undefined][] = [
    ['a@b.example', ['a@b.example']],
    ['"boss@evil.example" <me@b.example>', ['me@b.example']],
    ['"a, b" <a@b.example>, c@d.example (the (real) one)', ['a@b.example', 'c@d.example']],
    ['Group: a@b.example, C <c@d.example>;', ['a@b.example', 'c@d.example']],
    ['undisclosed-recipients:;', []],
    ['< a @ b.example >', ['a@b.example']],
    ['"unbalanced <a@b.example>', undefined],
    ['(unbalanced a@b.example', undefined],
    ['<@route.example:a@b.example>', ['a@b.example']],
    ['<scan@b.example> <ceo@b.example>', undefined],
    ['<scan@b.example> ceo@b.example', undefined],
    ['<scan@b.example>, <ceo@b.example> <cfo@b.example>', undefined],
    ['a@b.example>', undefined],
    ['scan@b.example <scan@b.example> (copier)', ['scan@b.example']],
  ];
  for (const [list, addresses] of lists) assert.deepEqual(listedAddresses(list), addresses, list);
});

test('networks hold their addresses and no others, in both families', () => {
  const networks = createClientNetworks(['192.168.10.0/24', 'fd00:10::/64', '10.1.2.3']);
  for (const address of ['192.168.10.7', '::ffff:192.168.10.7', 'fd00:10::1', '10.1.2.3'])
    assert.equal(networks.contains(address), true, address);
  for (const address of ['192.168.11.7', 'fd00:11::1', '10.1.2.4', '', 'x'])
    assert.equal(networks.contains(address), false);
  for (const bad of ['x', '10.0.0.0/33', '10.0.0.0/', '10.0.0/8', 'fd00::/129', '1.2.3.4/8/9', ''])
    assert.ok(networkProblem(bad), bad);
});

test('a password is checked against its hash', async () => {
  const hash = await hashPassword('geheim');
  assert.equal(passwordHashProblem(hash), undefined);
  assert.ok(passwordHashProblem('geheim'));
  assert.notEqual(await hashPassword('geheim'), hash);
  const check = createPasswordCheck();
  for (let i = 0; i < 2; i++) {
    assert.equal(await check(hash, 'geheim'), true);
    assert.equal(await check(hash, 'Geheim'), false);
  }
});

test('wrong passwords bring a ban that grows, and a right one ends the count', () => {
  let now = 0;
  const bans = createAuthBans(3, () => now);
  const fail = () => [1, 2, 3].map(() => bans.failed('a', 'u'));
  assert.deepEqual(fail(), [false, false, true]);
  assert.equal(bans.isBanned('a'), true);
  assert.equal(bans.isBanned('b'), false);
  now += 60_001;
  assert.equal(bans.isBanned('a'), false);
  fail();
  now += 60_001;
  assert.equal(bans.isBanned('a'), true, 'the second ban is longer');
  now += 60_001;
  assert.equal(bans.isBanned('a'), false);
  bans.failed('a', 'u');
  bans.succeeded('a', 'u');
  assert.deepEqual([bans.failed('a', 'u'), bans.failed('a', 'u')], [false, false]);
  bans.succeeded('a', 'own');
  assert.equal(bans.failed('a', 'v'), true, 'a right password of one user forgives nothing to another');
});

test('a device gets its messages a minute, all at once or spread, and no more', () => {
  let now = 0;
  const rates = createRateLimit(() => now);
  const taken = () => {
    let count = 0;
    while (count < 100 && rates.take('a', 10)) count++;
    return count;
  };
  assert.equal(taken(), 10);
  now += 6001;
  assert.equal(taken(), 1);
  now += 60_000;
  assert.equal(taken(), 10);
  for (let i = 0; i < 1000; i++) assert.ok(rates.take('b', 0));
});

test('a session is ended when commands or messages take too long or come too slowly', () => {
  const limits = { commandSeconds: 300, handshakeSeconds: 60, messageSeconds: 3600, minBytesPerSecond: 100 };
  const at = (commandAt: number, dataAt: number | undefined, dataBytes: number, seconds: number, handshake = false) =>
    overdue({ commandAt, dataAt, dataBytes, handshake }, seconds * 1000, limits);
  assert.equal(at(0, undefined, 0, 299), undefined);
  assert.match(at(0, undefined, 0, 301) ?? '', /no command/);
  assert.equal(at(0, undefined, 0, 59, true), undefined);
  assert.match(at(0, undefined, 0, 61, true) ?? '', /TLS handshake/);
  assert.equal(at(0, 0, 1, 59), undefined, 'a scanner may pause');
  assert.match(at(0, 0, 6000, 61) ?? '', /slower/);
  assert.equal(at(0, 0, 61_000, 61), undefined);
  assert.match(at(0, 0, 1e9, 3601) ?? '', /longer/);
});

test('the header is found however it is cut, and only once', () => {
  const message = 'From: a@b.example\r\nTo: c\r\n\r\nbody\r\n\r\nmore';
  for (let cut = 1; cut < message.length; cut++) {
    const tap = createHeaderTap();
    const found = [
      tap.push(Buffer.from(message.slice(0, cut))),
      tap.push(Buffer.from(message.slice(cut))),
      tap.finish(),
    ];
    assert.deepEqual(
      found.filter((header) => header !== undefined),
      ['From: a@b.example\r\nTo: c'],
      `cut at ${cut}`,
    );
  }
  const none = createHeaderTap();
  none.push(Buffer.from('From: a'));
  assert.equal(none.finish(), 'From: a');
  const endless = createHeaderTap();
  assert.equal(endless.push(Buffer.alloc(200_000, 'x')), undefined);
  assert.equal(endless.push(Buffer.alloc(200_000, 'x'))?.length, 400_000);
  assert.equal(endless.finish(), undefined);
  const empty = createHeaderTap();
  assert.equal(empty.push(Buffer.from('\r\nbody')), '');
});
