import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { Node } from 'web-tree-sitter';
import { parseFile, syntaxProblems } from './grammar.ts';

const SCRIPTS = globSync('infra/graphPermission/*.ps1').sort();

/** Commands that the scripts call and parameters they give them, as Microsoft documents both. */
const DOCUMENTED: Readonly<Record<string, readonly string[]>> = {
  'Connect-ExchangeOnline': ['ShowBanner'],
  'Connect-MgGraph': ['Scopes', 'NoWelcome'],
  'Get-Command': ['Name', 'ErrorAction'],
  'Get-ConnectionInformation': [],
  'Get-Group': ['Identity'],
  'Get-ManagementRoleAssignment': ['RoleAssignee', 'ErrorAction'],
  'Get-ManagementScope': ['Identity', 'ErrorAction'],
  'Get-MgContext': [],
  'Get-MgServicePrincipal': ['Filter', 'ServicePrincipalId'],
  'Get-MgServicePrincipalAppRoleAssignment': ['ServicePrincipalId', 'All'],
  'Get-ServicePrincipal': [],
  'New-ManagementRoleAssignment': ['App', 'Role', 'CustomResourceScope'],
  'New-ManagementScope': ['Name', 'RecipientRestrictionFilter'],
  'New-MgServicePrincipalAppRoleAssignment': ['ServicePrincipalId', 'PrincipalId', 'ResourceId', 'AppRoleId'],
  'New-ServicePrincipal': ['AppId', 'ObjectId', 'DisplayName'],
  'Out-Null': [],
  'Remove-ManagementRoleAssignment': ['Identity', 'Confirm'],
  'Remove-ManagementScope': ['Identity', 'Confirm'],
  'Remove-MgServicePrincipalAppRoleAssignment': ['ServicePrincipalId', 'AppRoleAssignmentId'],
  'Remove-ServicePrincipal': ['Identity', 'Confirm'],
  'Set-ManagementScope': ['Identity', 'RecipientRestrictionFilter'],
  'Set-StrictMode': ['Version'],
  'Test-ServicePrincipalAuthorization': ['Identity', 'Resource'],
  'Where-Object': [],
  'Write-Output': [],
  'Write-Verbose': [],
  'Write-Warning': [],
};

const CHANGES = /^(?:New|Set|Remove)-(?!StrictMode$)/;

interface Command {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly node: Node;
}

async function commandsOf(file: string): Promise<Command[]> {
  return (await parseFile('powershell', file)).descendantsOfType('command').flatMap((node) => {
    const name = node.childForFieldName('command_name')?.text ?? '';
    if (!/^\w+-\w+$/.test(name)) return [];
    const elements = node.namedChildren.find((child) => child.type === 'command_elements');
    const parameters = (elements?.namedChildren ?? [])
      .filter((child) => child.type === 'command_parameter')
      .map((child) => child.text.replace(/^-/, '').replace(/:.*$/, ''));
    return [{ name, parameters, node }];
  });
}

/** Whether an `if` around the command asks ShouldProcess. */
function isAskedFor({ node }: Command): boolean {
  for (let at = node.parent; at; at = at.parent)
    if (
      /^(?:if_statement|elseif_clause)$/.test(at.type) &&
      /^(?:else)?if \([^\n]*\$PSCmdlet\.ShouldProcess\(/.test(at.text)
    )
      return true;
  return false;
}

describe('The permission scripts', () => {
  const own = SCRIPTS.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/^function ([\w-]+)/gm)].map(([, name]) => name!),
  );

  test('can be read by a PowerShell grammar', async () => {
    assert.equal(SCRIPTS.length, 5);
    assert.deepEqual(await syntaxProblems('powershell', SCRIPTS), []);
  });

  test('call only commands that are theirs or documented, with documented parameters', async () => {
    for (const file of SCRIPTS)
      for (const { name, parameters } of await commandsOf(file)) {
        if (own.includes(name)) continue;
        assert.ok(name in DOCUMENTED, `${file}: ${name}`);
        for (const parameter of parameters)
          assert.ok(DOCUMENTED[name]!.includes(parameter), `${file}: ${name} -${parameter}`);
      }
  });

  test('ask before every change, so that -WhatIf changes nothing', async () => {
    let changes = 0;
    for (const file of SCRIPTS)
      for (const command of await commandsOf(file))
        if (CHANGES.test(command.name)) {
          changes++;
          assert.ok(isAskedFor(command), `${file}: ${command.node.text}`);
          assert.match(readFileSync(file, 'utf8'), /CmdletBinding\(SupportsShouldProcess/, file);
        }
    assert.equal(changes, 9);
  });

  test('change nothing while they only look', async () => {
    for (const file of SCRIPTS.filter((name) => /Test-|relayGrant/.test(name)))
      assert.deepEqual(
        (await commandsOf(file)).filter(({ name }) => CHANGES.test(name)),
        [],
        file,
      );
  });

  test('explain themselves and each of their parameters', () => {
    for (const file of SCRIPTS.filter((name) => /[A-Z]\w+-/.test(name))) {
      const text = readFileSync(file, 'utf8');
      assert.match(text, /^<#\n\.SYNOPSIS\n\S.*\n\n\.DESCRIPTION\n/, file);
      for (const [, parameter] of text.matchAll(/\[Parameter\(Mandatory\)\][^$]*\$(\w+)/g))
        assert.match(text, new RegExp(`^\\.PARAMETER ${parameter}$`, 'm'), `${file}: ${parameter}`);
    }
  });

  test('know the roles by the ids that Graph gives them', () => {
    const text = readFileSync('infra/graphPermission/Grant-RelayAppRole.ps1', 'utf8');
    assert.match(text, /'Mail\.Send' {6}= 'b633e1c5-b582-4048-a93e-9f11b44c7e96'/);
    assert.match(text, /'Mail\.ReadWrite' = 'e2a3a72e-5f79-4c64-b1b1-878b674786c9'/);
    assert.match(text, /'00000003-0000-0000-c000-000000000000'/);
  });
});
