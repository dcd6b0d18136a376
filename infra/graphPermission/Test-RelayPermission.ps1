<#
.SYNOPSIS
Says whether the relay's identity may send as a mailbox, and whether it may do more than it should.

.DESCRIPTION
Asks Exchange about each mailbox, past its caches; looks for roles without a scope; and looks in Entra for a permission of
the whole tenant, which defeats any scope in Exchange and which Exchange's own test does not show. Changes nothing.
Ends with 0 when all is well, 1 when something is wrong, 2 when not everything could be looked at.

.PARAMETER ObjectId
Object id of the identity: the output RELAY_PRINCIPAL_ID of the deployment.

.PARAMETER Mailbox
Mailboxes that the relay must be able to send as.

.PARAMETER Forbidden
Mailboxes that it must not be able to send as: name one, to see that the scope holds.

.PARAMETER LargeMail
The identity is meant to have Application Mail.ReadWrite within the scope, too.

.PARAMETER TenantWide
The permission was given in Entra, on purpose, with Grant-RelayAppRole.ps1.

.PARAMETER SkipEntra
Does not look in Entra. The answer is then incomplete, and the exit code says so.
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory)] [guid] $ObjectId,
    [string[]] $Mailbox = @(),
    [string[]] $Forbidden = @(),
    [ValidateLength(1, 64)] [string] $ScopeName = 'Relay senders',
    [switch] $LargeMail,
    [switch] $TenantWide,
    [switch] $SkipEntra
)

$ErrorActionPreference = 'Stop'
. "$PSScriptRoot/relayGrant.ps1"

$script:wrong = 0
$script:unknown = 0
function Write-Finding([bool] $Good, [string] $Text) {
    if ($Good) { Write-Output "ok     $Text" } else { $script:wrong++; Write-Output "WRONG  $Text" }
}

Connect-RelayExchange

$expected = @()
if (-not $TenantWide) {
    $expected += 'Application Mail.Send'
    if ($LargeMail) { $expected += 'Application Mail.ReadWrite' }
}

$pointer = Get-RelayServicePrincipal $ObjectId
if (-not $TenantWide) {
    Write-Finding ([bool] $pointer) "Exchange knows the identity $ObjectId."
}

$assignments = @(Get-RelayAssignment $ObjectId)
foreach ($role in $expected) {
    $within = $assignments | Where-Object { "$($_.Role)" -eq $role -and "$($_.CustomResourceScope)" -eq $ScopeName }
    Write-Finding ([bool] $within) "'$role' is given within '$ScopeName'."
}
foreach ($other in $assignments | Where-Object { "$($_.Role)" -notin $expected -or "$($_.CustomResourceScope)" -ne $ScopeName }) {
    $reach = if ("$($other.CustomResourceScope)") { "within '$($other.CustomResourceScope)'" } else { 'without a scope of recipients: check that it is not every mailbox' }
    Write-Finding $false "'$($other.Role)' is given as well, $reach ($($other.Name))."
}

if ($pointer) {
    foreach ($address in $Mailbox) {
        $answer = Test-ServicePrincipalAuthorization -Identity "$ObjectId" -Resource $address
        foreach ($role in $expected) {
            $may = $answer | Where-Object { "$($_.RoleName)" -eq $role -and "$($_.InScope)" -eq 'True' }
            Write-Finding ([bool] $may) "'$role' reaches $address. If not: is it a direct member of the group?"
        }
    }
    foreach ($address in $Forbidden) {
        $answer = Test-ServicePrincipalAuthorization -Identity "$ObjectId" -Resource $address
        $may = $answer | Where-Object { "$($_.InScope)" -eq 'True' }
        Write-Finding (-not $may) "Exchange keeps the identity from $address."
    }
}

if ($SkipEntra) {
    $script:unknown++
    Write-Output 'UNSEEN Entra was not looked at: a permission of the whole tenant would defeat the scope.'
} else {
    try {
        $mailRoles = @(Get-RelayTenantGrant "$ObjectId" | Where-Object { Test-MailRole $_.Role })
        if ($TenantWide) {
            Write-Finding ([bool] ($mailRoles | Where-Object { $_.Role -eq 'Mail.Send' })) 'Entra gives Mail.Send for the whole tenant, as intended.'
        } else {
            foreach ($grant in $mailRoles) {
                Write-Finding $false "Entra gives $($grant.Role) on $($grant.Resource) for the WHOLE TENANT: the scope in Exchange protects nobody. Take it back with Grant-RelayAppRole.ps1 -Remove."
            }
            if ($mailRoles.Count -eq 0) { Write-Finding $true 'Entra gives no permission of the whole tenant on mail.' }
        }
    } catch {
        $script:unknown++
        Write-Output "UNSEEN Entra could not be looked at: $($_.Exception.Message)"
    }
}

if ($script:wrong -gt 0) { exit 1 }
if ($script:unknown -gt 0) { exit 2 }
exit 0
