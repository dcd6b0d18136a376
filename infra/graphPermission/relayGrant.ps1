# What Exchange and Entra know of the relay's permission to send. Only reads; the scripts beside it load it.

# Version 1: what Exchange hands over may lack a property, which then counts as empty.
Set-StrictMode -Version 1.0

# Signs in to Exchange Online unless somebody already has.
function Connect-RelayExchange {
    if (-not (Get-Command -Name Get-ConnectionInformation -ErrorAction Ignore)) {
        throw 'The Exchange Online module is missing. Install it with: Install-Module ExchangeOnlineManagement -Scope CurrentUser'
    }
    if (-not (Get-ConnectionInformation | Where-Object { $_.State -eq 'Connected' })) {
        Connect-ExchangeOnline -ShowBanner:$false
    }
}

# Exchange's pointer to the identity, or nothing.
function Get-RelayServicePrincipal([string] $ObjectId) {
    Get-ServicePrincipal | Where-Object { "$($_.ObjectId)" -eq $ObjectId }
}

# The mail roles that Exchange gives to the identity, scoped or not.
function Get-RelayAssignment([string] $ObjectId) {
    Get-ManagementRoleAssignment -RoleAssignee $ObjectId -ErrorAction SilentlyContinue |
        Where-Object { "$($_.Role)" -like 'Application *' }
}

# The scope's filter: direct members of one group. Members of groups inside it are not meant; Exchange does not look there.
function Get-RelayScopeFilter([string] $GroupName) {
    $group = Get-Group -Identity $GroupName
    if (@($group).Count -ne 1) { throw "Expected one group called '$GroupName', found $(@($group).Count)." }
    $name = "$($group.DistinguishedName)".Replace("'", "''")
    "MemberOfGroup -eq '$name'"
}

# Permissions of the whole tenant that Entra gives to the identity. Any on mail defeats the scope: what may be done is what
# either of the two allows.
function Get-RelayTenantGrant([string] $ObjectId) {
    if (-not (Get-Command -Name Get-MgServicePrincipalAppRoleAssignment -ErrorAction Ignore)) {
        throw 'The Graph module is missing. Install it with: Install-Module Microsoft.Graph.Applications -Scope CurrentUser'
    }
    if (-not (Get-MgContext)) { Connect-MgGraph -Scopes 'Application.Read.All' -NoWelcome }
    $roles = @{}
    foreach ($grant in @(Get-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $ObjectId -All)) {
        if (-not $roles.ContainsKey($grant.ResourceId)) {
            $resource = Get-MgServicePrincipal -ServicePrincipalId $grant.ResourceId
            $roles[$grant.ResourceId] = @($resource.AppRoles)
        }
        $role = $roles[$grant.ResourceId] | Where-Object { "$($_.Id)" -eq "$($grant.AppRoleId)" }
        [pscustomobject]@{ Id = $grant.Id; Resource = $grant.ResourceDisplayName; Role = "$($role.Value)" }
    }
}

# Whether a role of the whole tenant opens mailboxes.
function Test-MailRole([string] $Role) {
    $Role -like 'Mail*' -or $Role -eq 'full_access_as_app' -or $Role -eq 'SMTP.SendAsApp'
}
