<#
.SYNOPSIS
Lets the relay's identity send mail as the members of one group, and as nobody else.

.DESCRIPTION
Uses RBAC for Applications of Exchange Online: a pointer to the identity, a management scope of the group's direct members,
and the role Application Mail.Send within that scope. Run it as often as you like: it changes only what is missing or
different, and -WhatIf says what that would be. Exchange believes a change after 30 minutes to 2 hours.

.PARAMETER AppId
Application (client) id of the identity: the output RELAY_CLIENT_ID of the deployment.

.PARAMETER ObjectId
Object id of the identity: RELAY_PRINCIPAL_ID. Not that of an app registration.

.PARAMETER DisplayName
Name under which Exchange shows the identity: RELAY_IDENTITY_NAME.

.PARAMETER SenderGroup
Mail-enabled security group whose direct members (mailboxes, shared ones too) the relay may send as.

.PARAMETER LargeMail
Also gives Application Mail.ReadWrite, within the same scope. Mail above 3 MB goes by way of a draft and needs it, and so does
RELAY_AMBIGUOUS_SEND=check. It lets the relay read those mailboxes.

.EXAMPLE
./Grant-RelayPermission.ps1 -AppId $appId -ObjectId $objectId -DisplayName id-relay -SenderGroup relay-senders@contoso.com -WhatIf
#>
[CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'Medium')]
param(
    [Parameter(Mandatory)] [guid] $AppId,
    [Parameter(Mandatory)] [guid] $ObjectId,
    [Parameter(Mandatory)] [ValidateLength(1, 64)] [string] $DisplayName,
    [Parameter(Mandatory)] [ValidateNotNullOrEmpty()] [string] $SenderGroup,
    [ValidateLength(1, 64)] [string] $ScopeName = 'Relay senders',
    [switch] $LargeMail
)

$ErrorActionPreference = 'Stop'
. "$PSScriptRoot/relayGrant.ps1"

Connect-RelayExchange
$filter = Get-RelayScopeFilter $SenderGroup

$pointer = Get-RelayServicePrincipal $ObjectId
if ($pointer) {
    Write-Verbose "Exchange knows the identity as '$($pointer.DisplayName)'."
} elseif ($PSCmdlet.ShouldProcess($DisplayName, 'Make the identity known to Exchange')) {
    New-ServicePrincipal -AppId $AppId -ObjectId $ObjectId -DisplayName $DisplayName | Out-Null
}

$scope = Get-ManagementScope -Identity $ScopeName -ErrorAction SilentlyContinue
if (-not $scope) {
    if ($PSCmdlet.ShouldProcess($ScopeName, "Make a scope of the members of $SenderGroup")) {
        New-ManagementScope -Name $ScopeName -RecipientRestrictionFilter $filter | Out-Null
    }
} elseif ("$($scope.RecipientFilter)" -ne $filter) {
    if ($PSCmdlet.ShouldProcess($ScopeName, "Change the scope to the members of $SenderGroup; it was: $($scope.RecipientFilter)")) {
        Set-ManagementScope -Identity $ScopeName -RecipientRestrictionFilter $filter
    }
}

$wanted = @('Application Mail.Send')
if ($LargeMail) { $wanted += 'Application Mail.ReadWrite' }
$present = @(Get-RelayAssignment $ObjectId)
foreach ($role in $wanted) {
    if ($present | Where-Object { "$($_.Role)" -eq $role -and "$($_.CustomResourceScope)" -eq $ScopeName }) { continue }
    if ($PSCmdlet.ShouldProcess($DisplayName, "Give the role '$role' within '$ScopeName'")) {
        New-ManagementRoleAssignment -App $ObjectId -Role $role -CustomResourceScope $ScopeName | Out-Null
    }
}

# Some refusals of Exchange are printed and do not stop a script: look, rather than assume.
if (-not $WhatIfPreference) {
    $present = @(Get-RelayAssignment $ObjectId)
    foreach ($role in $wanted) {
        if (-not ($present | Where-Object { "$($_.Role)" -eq $role -and "$($_.CustomResourceScope)" -eq $ScopeName })) {
            throw "Exchange did not keep the role '$role' within '$ScopeName'. Its own message is above; an Exchange administrator has to run this."
        }
    }
    Write-Output "The identity may send as the direct members of $SenderGroup. Exchange believes it after 30 minutes to 2 hours."
}

$others = $present | Where-Object { "$($_.Role)" -notin $wanted -or "$($_.CustomResourceScope)" -ne $ScopeName }
foreach ($other in $others) {
    Write-Warning "The identity also has '$($other.Role)' ($($other.Name)), which this script did not give. Test-RelayPermission.ps1 says what that means."
}
