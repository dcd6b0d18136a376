import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { readSettings } from '../../functions/wiring/settings.ts';
import { compiled, deployed, template } from './compiledTemplate.ts';

const azure = readFileSync('docs/azure.md', 'utf8');

describe('The documentation of Azure', () => {
  test('lists every parameter, and none that is not there', () => {
    const file = readFileSync('infra/main.parameters.json', 'utf8');
    const passed = [...file.matchAll(/\$\{(RELAY_\w+)\}/g)].map(([, name]) => name!);
    const listed = [...azure.matchAll(/^\| `(RELAY_\w+)` \|/gm)].map(([, name]) => name!);
    assert.deepEqual(listed.toSorted(), passed.toSorted());
  });

  test('gives the defaults that the template has', { skip: !compiled }, () => {
    const rows = [...azure.matchAll(/^\| `RELAY_(\w+)` \|(?: `([^`]*)`)? ?\|/gm)];
    assert.ok(rows.length > 20);
    for (const [, variable, documented = ''] of rows) {
      const name = Object.keys(template?.parameters ?? {}).find(
        (parameter) => parameter.replace(/[A-Z]+/g, (letters) => `_${letters}`).toUpperCase() === variable,
      );
      const value = template?.parameters?.[name ?? '']?.defaultValue;
      assert.equal(typeof value === 'string' ? value : JSON.stringify(value), documented, variable);
    }
  });

  test('names the outputs that there are', { skip: !compiled }, () => {
    for (const name of Object.keys(deployed().outputs)) assert.ok(azure.includes(`\`${name}\``), name);
  });

  test('shows callers and sender rules that the code takes', () => {
    const callers = /RELAY_CALLERS '(.*)'$/m.exec(azure)?.[1]?.replace('HASH', 'a'.repeat(64));
    const rules = /RELAY_SENDER_RULES.*?`(\[\{.*?\}\])`/.exec(azure)?.[1];
    const settings = readSettings({
      MailStorage: 'x',
      GRAPH_CREDENTIAL: 'none',
      CALLERS: callers,
      SENDER_RULES: rules,
    });
    assert.equal(settings.callers[0]?.name, 'warehouse');
    assert.equal(settings.SENDER_RULES[0]?.mailbox, 'plant@contoso.com');
  });

  test('points to files and headings that exist', () => {
    for (const file of globSync('docs/{azure*,cost}.md')) {
      const text = readFileSync(file, 'utf8');
      for (const [, target] of text.matchAll(/\]\((?!https:)([^)]+)\)/g)) {
        const [path, heading] = target!.split('#');
        const whole = path ? join(dirname(file), path) : file;
        assert.ok(existsSync(whole), `${file}: ${target}`);
        if (!heading) continue;
        const headings = [...readFileSync(whole, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, line]) =>
          line!
            .toLowerCase()
            .replace(/[^\w\- ]/g, '')
            .replaceAll(' ', '-'),
        );
        assert.ok(headings.includes(heading), `${file}: ${target}`);
      }
      for (const [script] of text.matchAll(/(?:infra\/graphPermission\/)?[A-Z]\w+-Relay\w+\.ps1/g))
        assert.ok(existsSync(join('infra/graphPermission', script.split('/').at(-1)!)), `${file}: ${script}`);
    }
  });
});
