<#
.SYNOPSIS
Takes back what Grant-RelayPermission.ps1 gave: the roles, the scope, and Exchange's pointer to the identity.

.DESCRIPTION
Mail that waits stays where it is and is tried again; the relay raises its no-permission alert. Exchange believes a change
after 30 minutes to 2 hours. -WhatIf says what would go. Grants in Entra are left alone: see Grant-RelayAppRole.ps1 -Remove.

.PARAMETER ObjectId
Object id of the identity: the output RELAY_PRINCIPAL_ID of the deployment.

.PARAMETER LargeMailOnly
Takes back Application Mail.ReadWrite alone.
#>
[CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
param(
    [Parameter(Mandatory)] [guid] $ObjectId,
    [ValidateLength(1, 64)] [string] $ScopeName = 'Relay senders',
    [switch] $LargeMailOnly
)

$ErrorActionPreference = 'Stop'
. "$PSScriptRoot/relayGrant.ps1"

Connect-RelayExchange

$ours = @(Get-RelayAssignment $ObjectId) | Where-Object { "$($_.CustomResourceScope)" -eq $ScopeName }
if ($LargeMailOnly) { $ours = $ours | Where-Object { "$($_.Role)" -eq 'Application Mail.ReadWrite' } }
foreach ($assignment in $ours) {
    if ($PSCmdlet.ShouldProcess($assignment.Name, "Take back the role '$($assignment.Role)'")) {
        Remove-ManagementRoleAssignment -Identity $assignment.Name -Confirm:$false
    }
}
if ($LargeMailOnly) { return }

if (Get-ManagementScope -Identity $ScopeName -ErrorAction SilentlyContinue) {
    if ($PSCmdlet.ShouldProcess($ScopeName, 'Remove the scope')) {
        Remove-ManagementScope -Identity $ScopeName -Confirm:$false
    }
}

# Somebody may have given the identity other roles; then Exchange must go on knowing it.
$left = @(Get-RelayAssignment $ObjectId)
if ($left.Count -gt 0 -and -not $WhatIfPreference) {
    Write-Warning "The identity keeps roles that Grant-RelayPermission.ps1 did not give: $($left.Role -join ', '). Exchange's pointer to it stays."
    return
}
if (Get-RelayServicePrincipal $ObjectId) {
    if ($PSCmdlet.ShouldProcess("$ObjectId", 'Make Exchange forget the identity')) {
        Remove-ServicePrincipal -Identity "$ObjectId" -Confirm:$false
    }
}
