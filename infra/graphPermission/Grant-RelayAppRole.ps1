<#
.SYNOPSIS
The other way to let the relay send: the app role Mail.Send in Entra. It covers EVERY mailbox of the tenant.

.DESCRIPTION
Prefer Grant-RelayPermission.ps1. This way has no scope, and any scope in Exchange is without effect beside it. It is for
tenants where Exchange's RBAC for Applications cannot be used. -Remove takes it back. An identity's token lives up to 24
hours and cannot be renewed sooner: give the role before the relay asks for its first token, and expect a role that was
taken back to work until the token ends.

Run by a Privileged Role Administrator.

.PARAMETER ObjectId
Object id of the identity: the output RELAY_PRINCIPAL_ID of the deployment.

.PARAMETER LargeMail
Mail.ReadWrite as well: the relay can then read and change every mailbox of the tenant.

.PARAMETER Remove
Takes back Mail.Send and Mail.ReadWrite.
#>
[CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
param(
    [Parameter(Mandatory)] [guid] $ObjectId,
    [switch] $LargeMail,
    [switch] $Remove
)

$ErrorActionPreference = 'Stop'
Set-StrictMode -Version 1.0

$graphAppId = '00000003-0000-0000-c000-000000000000'
$roles = [ordered]@{
    'Mail.Send'      = 'b633e1c5-b582-4048-a93e-9f11b44c7e96'
    'Mail.ReadWrite' = 'e2a3a72e-5f79-4c64-b1b1-878b674786c9'
}

if (-not (Get-Command -Name New-MgServicePrincipalAppRoleAssignment -ErrorAction Ignore)) {
    throw 'The Graph module is missing. Install it with: Install-Module Microsoft.Graph.Applications -Scope CurrentUser'
}
if (-not (Get-MgContext)) {
    Connect-MgGraph -Scopes 'AppRoleAssignment.ReadWrite.All', 'Application.Read.All' -NoWelcome
}

$graph = Get-MgServicePrincipal -Filter "appId eq '$graphAppId'"
$present = @(Get-MgServicePrincipalAppRoleAssignment -ServicePrincipalId "$ObjectId" -All)

foreach ($name in $roles.Keys) {
    $given = $present | Where-Object { "$($_.AppRoleId)" -eq $roles[$name] -and "$($_.ResourceId)" -eq "$($graph.Id)" }
    if ($Remove) {
        foreach ($grant in $given) {
            if ($PSCmdlet.ShouldProcess("$ObjectId", "Take back $name for the whole tenant")) {
                Remove-MgServicePrincipalAppRoleAssignment -ServicePrincipalId "$ObjectId" -AppRoleAssignmentId $grant.Id
            }
        }
    } elseif (-not $given -and ($name -eq 'Mail.Send' -or $LargeMail)) {
        if ($PSCmdlet.ShouldProcess("$ObjectId", "Give $name for EVERY mailbox of the tenant")) {
            New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId "$ObjectId" -PrincipalId "$ObjectId" -ResourceId $graph.Id -AppRoleId $roles[$name] | Out-Null
        }
    }
}
