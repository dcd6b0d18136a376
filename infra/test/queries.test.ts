import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { compiled, deployed } from './compiledTemplate.ts';
import { bindQuery } from './kusto/bindQuery.ts';
import { AGREED_EVENTS, emittedEvents } from './kusto/emittedEvents.ts';

const queries = globSync('infra/queries/**/*.kql')
  .sort()
  .map((file) => ({ file, text: readFileSync(file, 'utf8') }));

const withoutComments = (text: string) => text.replace(/^\s*\/\/.*$/gm, '');

/** The events a query names. `startswith 'mail.'` names all of that kind. */
function eventsIn(text: string): string[] {
  const named = [...text.matchAll(/'((?:mail|edge|mailbox|queue|relay)\.(?!kql)\w*)'/g)].map(([, name]) => name!);
  const every = [...emittedEvents().keys()];
  return named.flatMap((name) => (name.endsWith('.') ? every.filter((event) => event.startsWith(name)) : [name]));
}

const attributesIn = (text: string): string[] =>
  [...text.matchAll(/\bProperties(?:\.(\w+)|\['(\w+)'\])/g)].map(([, plain, quoted]) => (plain ?? quoted)!);

describe('The queries', () => {
  test('parse, and every name in them is bound to a table, a column or a function', () => {
    assert.ok(queries.length > 20);
    for (const { file, text } of queries) {
      const { problems, columns } = bindQuery(text);
      assert.deepEqual(problems, [], file);
      assert.ok(columns.length > 0, file);
    }
  });

  test('are really bound: a wrong column, function or operator is found', () => {
    for (const wrong of [
      'AppEvents | where Nam == 1',
      'AppEvents | extend a = tostrin(Name)',
      'AppEvents | summarise count()',
    ])
      assert.notDeepEqual(bindQuery(wrong).problems, [], wrong);
  });

  test('name only events and attributes that the relay emits', (t) => {
    const emitted = emittedEvents();
    for (const { file, text } of queries) {
      const query = withoutComments(text);
      const events = [...new Set(eventsIn(query))];
      const open: string[] = [];
      for (const event of events.filter((name) => !emitted.has(name))) {
        assert.ok(event in AGREED_EVENTS, `${file}: nothing emits ${event}`);
        open.push(event);
      }
      for (const attribute of new Set(attributesIn(query))) {
        if (events.some((event) => emitted.get(event)?.has(attribute))) continue;
        assert.ok(
          events.some((event) => AGREED_EVENTS[event]?.includes(attribute)),
          `${file}: none of ${events.join(', ')} has the attribute ${attribute}`,
        );
        open.push(attribute);
      }
      if (open.length > 0) t.diagnostic(`${file}: agreed, not emitted yet: ${open.join(', ')}`);
    }
  });

  test('tell edges of one name apart by their callers', () => {
    const byEdge = queries.flatMap(({ file, text }) =>
      [...text.matchAll(/\bby\b[^|]*\bedge\b[^|]*/g)].map(([by]) => ({ file, by })),
    );
    assert.ok(byEdge.length >= 8, String(byEdge.length));
    for (const { file, by } of byEdge) assert.match(by, /\bcaller\b/, file);
  });

  test('each say in a comment what their rows mean', () => {
    for (const { file, text } of queries) assert.match(text, /^\/\/ \S.{20,}/, file);
  });

  test('know every reason code that the relay gives', () => {
    const failures = queries.find(({ file }) => file.endsWith('failures.kql'))!.text;
    const outcomes = readFileSync('functions/delivery/graphOutcome.ts', 'utf8');
    const table = /BY_CODE[^{]*\{([\s\S]*?)\n\};/.exec(outcomes)?.[1] ?? '';
    const codes = [...table.matchAll(/^\s+(\w+):/gm)].map(([, code]) => code!);
    assert.ok(codes.length > 10);
    assert.deepEqual(
      codes.filter((code) => !failures.includes(`'${code}'`)),
      [],
    );
  });
});

describe('The alerts and the workbook', { skip: !compiled }, () => {
  const resourcesOf = (type: string) => deployed().resources.filter((resource) => resource.type === type);

  interface Rule {
    description: string;
    severity: number;
    windowSize: string;
    evaluationFrequency: string;
    criteria: { allOf: { query: string; threshold: number; operator: string }[] };
    actions: { actionGroups: string[] };
  }
  const rules = () =>
    resourcesOf('Microsoft.Insights/scheduledQueryRules').map(({ name, properties }) => ({
      name,
      ...(properties as unknown as Rule),
    }));

  interface Item {
    type: number;
    content: { items?: Item[]; query?: string; json?: string };
  }
  const workbook = () => {
    const [found] = resourcesOf('Microsoft.Insights/workbooks');
    assert.match(found!.name, /^[0-9a-f]{8}-[0-9a-f]{4}-/);
    return JSON.parse(String(found?.properties.serializedData)) as { items: Item[] };
  };
  const flat = (items: Item[]): Item[] => items.flatMap((item) => [item, ...flat(item.content.items ?? [])]);

  test('use every query there is, unchanged, and none that is not a file', () => {
    const used = [
      ...rules().map(({ criteria }) => criteria.allOf[0]!.query),
      ...flat(workbook().items).flatMap(({ content }) => content.query ?? []),
    ];
    assert.deepEqual(used.toSorted(), queries.map(({ text }) => text).toSorted());
  });

  test('raise an alert on the first row, look at least as far back as the time between two looks, and say what is wrong', () => {
    const minutes = (duration: string) => {
      const [, days = 0, hours = 0, mins = 0] = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?$/.exec(duration) ?? [];
      return Number(days) * 1440 + Number(hours) * 60 + Number(mins);
    };
    for (const rule of rules()) {
      assert.deepEqual(
        [rule.criteria.allOf[0]!.operator, rule.criteria.allOf[0]!.threshold],
        ['GreaterThan', 0],
        rule.name,
      );
      assert.ok(minutes(rule.windowSize) >= minutes(rule.evaluationFrequency), rule.name);
      assert.ok(minutes(rule.windowSize) <= 2 * 1440, rule.name);
      assert.ok(rule.description.length > 20, rule.name);
      const ago = /ago\((\d+)([mhd])\)/.exec(rule.criteria.allOf[0]!.query);
      const reach = ago ? Number(ago[1]) * { m: 1, h: 60, d: 1440 }[ago[2] as 'm' | 'h' | 'd'] : 0;
      assert.ok(minutes(rule.windowSize) > reach, `${rule.name} looks back further than it sees`);
    }
  });

  test('tell somebody when there is somebody to tell', () => {
    assert.ok(rules().every(({ actions }) => actions.actionGroups.length === 0));
    const told = deployed({ alertEmails: ['it@contoso.com'] }).resources.filter(({ type }) =>
      type.endsWith('/scheduledQueryRules'),
    );
    for (const { properties } of told) assert.equal((properties as unknown as Rule).actions.actionGroups.length, 1);
  });

  test('are explained, alert by alert, in the documentation', () => {
    const text = readFileSync('docs/azure-alerts.md', 'utf8');
    const explained = [...text.matchAll(/^## `([\w-]+)`/gm)].map(([, name]) => name!);
    const names = deployed({ availabilityTest: true }).resources.flatMap(({ type, name }) =>
      /scheduledQueryRules|metricAlerts/.test(type) ? [name] : [],
    );
    assert.deepEqual(explained.toSorted(), names.toSorted());
  });

  test('open on one page for each question', () => {
    const pages = workbook().items.filter(({ type }) => type === 12).length;
    const [tabs] = workbook().items.filter(({ type }) => type === 11) as unknown as { content: { links: unknown[] } }[];
    assert.equal(tabs?.content.links.length, pages);
  });
});
