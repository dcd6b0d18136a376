# Stands in for the commands of Exchange Online and of Microsoft Graph that the permission scripts call, over a tenant of
# hashtables. Every change is written down in $Tenant.Changes.

$global:Tenant = @{
    Changes     = [System.Collections.ArrayList]@()
    Groups      = @{ 'senders@contoso.com' = @{ Dn = "CN=O'Hara senders,DC=contoso"; Members = @('relay@contoso.com') }
                     'others@contoso.com'  = @{ Dn = 'CN=others,DC=contoso'; Members = @('ceo@contoso.com') } }
    Principals  = [System.Collections.ArrayList]@()
    Scopes      = [System.Collections.ArrayList]@()
    Assignments = [System.Collections.ArrayList]@()
    TenantRoles = [System.Collections.ArrayList]@()
    Refuse      = $false
}
$global:GraphRoles = @(
    [pscustomobject]@{ Id = 'b633e1c5-b582-4048-a93e-9f11b44c7e96'; Value = 'Mail.Send' }
    [pscustomobject]@{ Id = 'e2a3a72e-5f79-4c64-b1b1-878b674786c9'; Value = 'Mail.ReadWrite' }
    [pscustomobject]@{ Id = '7ab1d382-f21e-4acd-a863-ba3e13f7da61'; Value = 'Directory.Read.All' }
)
function Note($Text) { $Tenant.Changes.Add($Text) | Out-Null }
function Find($List, $Name, $Value) { $List | Where-Object { "$($_.$Name)" -eq "$Value" } }

function Write-Output { param([Parameter(ValueFromPipeline)] $InputObject) process { $InputObject } }
function Write-Warning($Message) { "WARNING $Message" }
function Write-Verbose($Message) { }

function Get-ConnectionInformation { [pscustomobject]@{ State = 'Connected' } }
function Connect-ExchangeOnline { param([switch] $ShowBanner) }
function Get-Group($Identity) {
    $group = $Tenant.Groups[$Identity]
    if ($group) { [pscustomobject]@{ DistinguishedName = $group.Dn } }
}
function Get-ServicePrincipal { $Tenant.Principals }
function New-ServicePrincipal($AppId, $ObjectId, $DisplayName) {
    Note "New-ServicePrincipal $DisplayName"
    $Tenant.Principals.Add([pscustomobject]@{ AppId = $AppId; ObjectId = $ObjectId; DisplayName = $DisplayName })
}
function Remove-ServicePrincipal { param($Identity, [switch] $Confirm)
    Note "Remove-ServicePrincipal"
    $Tenant.Principals.Remove((Find $Tenant.Principals ObjectId $Identity))
}
function Get-ManagementScope { [CmdletBinding()] param($Identity) Find $Tenant.Scopes Name $Identity }
function New-ManagementScope($Name, $RecipientRestrictionFilter) {
    Note "New-ManagementScope $Name $RecipientRestrictionFilter"
    $Tenant.Scopes.Add([pscustomobject]@{ Name = $Name; RecipientFilter = $RecipientRestrictionFilter })
}
function Set-ManagementScope($Identity, $RecipientRestrictionFilter) {
    Note "Set-ManagementScope $Identity $RecipientRestrictionFilter"
    (Find $Tenant.Scopes Name $Identity).RecipientFilter = $RecipientRestrictionFilter
}
function Remove-ManagementScope { param($Identity, [switch] $Confirm)
    Note "Remove-ManagementScope $Identity"
    $Tenant.Scopes.Remove((Find $Tenant.Scopes Name $Identity))
}
function Get-ManagementRoleAssignment { [CmdletBinding()] param($RoleAssignee) Find $Tenant.Assignments App $RoleAssignee }
function New-ManagementRoleAssignment($App, $Role, $CustomResourceScope) {
    # Exchange prints some refusals and lets the script go on.
    if ($Tenant.Refuse) { return 'Access denied.' }
    Note "New-ManagementRoleAssignment $Role $CustomResourceScope"
    $Tenant.Assignments.Add([pscustomobject]@{
            Name = "$Role-$($Tenant.Assignments.Count)"; App = $App; Role = $Role; CustomResourceScope = $CustomResourceScope
        })
}
function Remove-ManagementRoleAssignment { param($Identity, [switch] $Confirm)
    Note "Remove-ManagementRoleAssignment $Identity"
    $Tenant.Assignments.Remove((Find $Tenant.Assignments Name $Identity))
}
function Test-ServicePrincipalAuthorization($Identity, $Resource) {
    foreach ($assignment in Find $Tenant.Assignments App $Identity) {
        $filter = (Find $Tenant.Scopes Name $assignment.CustomResourceScope).RecipientFilter
        $group = $Tenant.Groups.Values | Where-Object { $filter -eq "MemberOfGroup -eq '$($_.Dn.Replace("'", "''"))'" }
        [pscustomobject]@{
            RoleName = $assignment.Role
            InScope  = (-not $assignment.CustomResourceScope) -or ($group.Members -contains $Resource)
        }
    }
}

function Get-MgContext { 'signed in' }
function Connect-MgGraph { param($Scopes, [switch] $NoWelcome) }
function Get-MgServicePrincipal($Filter, $ServicePrincipalId) { [pscustomobject]@{ Id = 'graph'; AppRoles = $GraphRoles } }
function Get-MgServicePrincipalAppRoleAssignment { param($ServicePrincipalId, [switch] $All) $Tenant.TenantRoles }
function New-MgServicePrincipalAppRoleAssignment($ServicePrincipalId, $PrincipalId, $ResourceId, $AppRoleId) {
    Note "New-MgServicePrincipalAppRoleAssignment $AppRoleId"
    $Tenant.TenantRoles.Add([pscustomobject]@{
            Id = "grant-$AppRoleId"; ResourceId = $ResourceId; ResourceDisplayName = 'Microsoft Graph'; AppRoleId = $AppRoleId
        })
}
function Remove-MgServicePrincipalAppRoleAssignment($ServicePrincipalId, $AppRoleAssignmentId) {
    Note "Remove-MgServicePrincipalAppRoleAssignment $AppRoleAssignmentId"
    $Tenant.TenantRoles.Remove((Find $Tenant.TenantRoles Id $AppRoleAssignmentId))
}
