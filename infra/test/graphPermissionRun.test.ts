import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { engineIsThere, type PowerShell, startPowerShell } from './powershell/engine.ts';

const SCRIPTS = `${process.cwd()}/infra/graphPermission`;
const FAKE = `${process.cwd()}/infra/test/powershell/fakeMicrosoft365.ps1`;
const OBJECT_ID = '11111111-1111-4111-8111-111111111111';
const GRANT = `& '${SCRIPTS}/Grant-RelayPermission.ps1' -AppId 22222222-2222-4222-8222-222222222222 -ObjectId ${OBJECT_ID} -DisplayName id-relay -SenderGroup senders@contoso.com`;
const REVOKE = `& '${SCRIPTS}/Revoke-RelayPermission.ps1' -ObjectId ${OBJECT_ID} -Confirm:$false`;
const CHECK = `& '${SCRIPTS}/Test-RelayPermission.ps1' -ObjectId ${OBJECT_ID} -Mailbox relay@contoso.com -Forbidden ceo@contoso.com`;
const APP_ROLE = `& '${SCRIPTS}/Grant-RelayAppRole.ps1' -ObjectId ${OBJECT_ID} -Confirm:$false`;
const FORGET_CHANGES = '$Tenant.Changes.Clear()';

describe('The permission scripts, run by PowerShell against a pretended tenant', {
  skip: !engineIsThere && "PowerShell's engine could not be had",
  timeout: 120_000,
}, () => {
  let powershell: PowerShell;
  before(() => {
    powershell = startPowerShell();
  });
  after(() => powershell.close());

  /** Runs commands in a new tenant; what they changed, what they said, and the last exit code. */
  async function inTenant(...commands: string[]) {
    const all = [
      `. '${FAKE}'`,
      ...commands,
      '$Tenant.Changes | ForEach-Object { "CHANGED $_" }',
      '"EXIT $LASTEXITCODE"',
    ];
    const { lines, error } = await powershell.run(all.join('\n'));
    const changes = lines.flatMap((line) => (line.startsWith('CHANGED ') ? line.slice(8) : []));
    const said = lines.filter((line) => !/^(?:CHANGED|EXIT) /.test(line));
    return { error, changes, said, exit: lines.at(-1)?.replace('EXIT ', '') };
  }

  test('give the role within the scope of the group, whose name may hold a quote', async () => {
    const { changes, error } = await inTenant(GRANT);
    assert.equal(error, null);
    assert.deepEqual(changes, [
      'New-ServicePrincipal id-relay',
      "New-ManagementScope Relay senders MemberOfGroup -eq 'CN=O''Hara senders,DC=contoso'",
      'New-ManagementRoleAssignment Application Mail.Send Relay senders',
    ]);
  });

  test('change nothing the second time', async () => {
    const { changes, said, error } = await inTenant(GRANT, FORGET_CHANGES, GRANT);
    assert.equal(error, null);
    assert.deepEqual(changes, []);
    assert.match(said.at(-1) ?? '', /may send as the direct members of senders@contoso\.com/);
  });

  test('change nothing with -WhatIf, neither giving nor taking back', async () => {
    const before = await inTenant(`${GRANT} -LargeMail -WhatIf`);
    assert.equal(before.error, null);
    assert.deepEqual(before.changes, []);
    const after = await inTenant(GRANT, FORGET_CHANGES, `${REVOKE} -WhatIf`, `${APP_ROLE} -WhatIf`);
    assert.equal(after.error, null);
    assert.deepEqual(after.changes, []);
  });

  test('add the large-mail role to what is there, and move the scope to another group', async () => {
    const more = await inTenant(GRANT, FORGET_CHANGES, `${GRANT} -LargeMail`);
    assert.deepEqual(more.changes, ['New-ManagementRoleAssignment Application Mail.ReadWrite Relay senders']);
    const moved = await inTenant(GRANT, FORGET_CHANGES, GRANT.replace('senders@', 'others@'));
    assert.deepEqual(moved.changes, ["Set-ManagementScope Relay senders MemberOfGroup -eq 'CN=others,DC=contoso'"]);
  });

  test('notice that Exchange refused without stopping', async () => {
    const { error } = await inTenant('$Tenant.Refuse = $true', GRANT);
    assert.match(error ?? '', /Exchange did not keep the role 'Application Mail\.Send'/);
  });

  test('say that a group is not there, before anything is changed', async () => {
    const { error } = await inTenant(GRANT.replace('senders@', 'nobody@'));
    assert.match(error ?? '', /Expected one group called 'nobody@contoso\.com', found 0/);
  });

  test('take back all that was given', async () => {
    const { changes, error } = await inTenant(`${GRANT} -LargeMail`, FORGET_CHANGES, REVOKE);
    assert.equal(error, null);
    assert.deepEqual(
      changes.map((change) => change.split(' ')[0]),
      [
        'Remove-ManagementRoleAssignment',
        'Remove-ManagementRoleAssignment',
        'Remove-ManagementScope',
        'Remove-ServicePrincipal',
      ],
    );
    assert.deepEqual((await inTenant(`${GRANT} -LargeMail`, FORGET_CHANGES, `${REVOKE} -LargeMailOnly`)).changes, [
      'Remove-ManagementRoleAssignment Application Mail.ReadWrite-1',
    ]);
  });

  test('leave the pointer when somebody gave the identity other roles', async () => {
    const { changes, said } = await inTenant(
      GRANT,
      `New-ManagementRoleAssignment -App ${OBJECT_ID} -Role 'Application Calendars.Read' | Out-Null`,
      FORGET_CHANGES,
      REVOKE,
    );
    assert.ok(!changes.includes('Remove-ServicePrincipal'));
    assert.match(said.join('\n'), /WARNING The identity keeps roles .*Application Calendars\.Read/);
  });

  test('find all well after granting', async () => {
    const { said, exit } = await inTenant(`${GRANT} | Out-Null`, CHECK);
    assert.equal(exit, '0', said.join('\n'));
    assert.equal(said.length, 5);
    assert.ok(
      said.every((line) => line.startsWith('ok ')),
      said.join('\n'),
    );
  });

  test('find that nothing was granted', async () => {
    const { said, exit } = await inTenant(CHECK);
    assert.equal(exit, '1');
    assert.match(said.join('\n'), /^WRONG {2}Exchange knows the identity/m);
  });

  test('find a mailbox outside the group, and one inside that should not be', async () => {
    const swapped = CHECK.replace('relay@contoso.com', 'printer@contoso.com').replace('ceo@', 'relay@');
    const { said, exit } = await inTenant(`${GRANT} | Out-Null`, swapped);
    assert.equal(exit, '1');
    assert.match(said.join('\n'), /^WRONG {2}'Application Mail\.Send' reaches printer@contoso\.com/m);
    assert.match(said.join('\n'), /^WRONG {2}Exchange keeps the identity from relay@contoso\.com/m);
  });

  test('find a role without a scope', async () => {
    const unscoped = `New-ManagementRoleAssignment -App ${OBJECT_ID} -Role 'Application Mail.Send' | Out-Null`;
    const { said, exit } = await inTenant(`${GRANT} | Out-Null`, unscoped, CHECK);
    assert.equal(exit, '1');
    assert.match(said.join('\n'), /^WRONG .*is given as well, without a scope/m);
  });

  test('find a permission of the whole tenant, which defeats the scope, and no other', async () => {
    const { said, exit } = await inTenant(`${GRANT} | Out-Null`, `${APP_ROLE} | Out-Null`, CHECK);
    assert.equal(exit, '1');
    assert.match(said.join('\n'), /^WRONG {2}Entra gives Mail\.Send on Microsoft Graph for the WHOLE TENANT/m);
    const harmless =
      "$Tenant.TenantRoles.Add([pscustomobject]@{ Id = 'x'; ResourceId = 'graph'; ResourceDisplayName = 'Microsoft Graph'; AppRoleId = '7ab1d382-f21e-4acd-a863-ba3e13f7da61' }) | Out-Null";
    assert.equal((await inTenant(`${GRANT} | Out-Null`, harmless, CHECK)).exit, '0');
  });

  test('say when Entra could not be looked at, by the exit code too', async () => {
    const { said, exit } = await inTenant(
      `${GRANT} | Out-Null`,
      "function Get-MgServicePrincipalAppRoleAssignment { throw 'Insufficient privileges' }",
      CHECK,
    );
    assert.equal(exit, '2');
    assert.match(said.join('\n'), /^UNSEEN Entra could not be looked at: Insufficient privileges/m);
    assert.equal((await inTenant(`${GRANT} | Out-Null`, `${CHECK} -SkipEntra`)).exit, '2');
  });

  test('give and take back the role of the whole tenant, each once', async () => {
    const [send, write] = ['b633e1c5-b582-4048-a93e-9f11b44c7e96', 'e2a3a72e-5f79-4c64-b1b1-878b674786c9'];
    assert.deepEqual((await inTenant(APP_ROLE, APP_ROLE, `${APP_ROLE} -LargeMail`)).changes, [
      `New-MgServicePrincipalAppRoleAssignment ${send}`,
      `New-MgServicePrincipalAppRoleAssignment ${write}`,
    ]);
    assert.deepEqual((await inTenant(`${APP_ROLE} -LargeMail`, FORGET_CHANGES, `${APP_ROLE} -Remove`)).changes, [
      `Remove-MgServicePrincipalAppRoleAssignment grant-${send}`,
      `Remove-MgServicePrincipalAppRoleAssignment grant-${write}`,
    ]);
  });
});
