/**
 * The tables that a workspace-based Application Insights component writes, as far as they concern us (Azure Monitor Logs
 * reference: AppEvents, AppTraces, AppRequests, AppDependencies, AppMetrics, AppExceptions).
 */

const EVERY_TABLE = `
  TimeGenerated: datetime, OperationId: string, OperationName: string, ParentId: string, SyntheticSource: string,
  SessionId: string, UserId: string, UserAuthenticatedId: string, UserAccountId: string,
  AppVersion: string, AppRoleName: string, AppRoleInstance: string, ClientType: string, ClientModel: string,
  ClientOS: string, ClientIP: string, ClientCity: string, ClientStateOrProvince: string, ClientCountryOrRegion: string,
  ClientBrowser: string, ResourceGUID: string, IKey: string, SDKVersion: string, ItemCount: int,
  Properties: dynamic, Type: string, TenantId: string, SourceSystem: string, _ResourceId: string,
  _SubscriptionId: string, _BilledSize: real, _IsBillable: string`;

const OWN_COLUMNS: Readonly<Record<string, string>> = {
  AppEvents: 'Name: string, Measurements: dynamic',
  AppTraces: 'Message: string, SeverityLevel: int, Measurements: dynamic',
  AppRequests:
    'Id: string, Name: string, Url: string, Source: string, Success: bool, ResultCode: string, DurationMs: real, PerformanceBucket: string, Measurements: dynamic',
  AppDependencies:
    'Id: string, Name: string, Target: string, Data: string, DependencyType: string, Success: bool, ResultCode: string, DurationMs: real, PerformanceBucket: string, Measurements: dynamic',
  AppMetrics: 'Name: string, Sum: real, Min: real, Max: real',
  AppExceptions:
    'ProblemId: string, HandledAt: string, ExceptionType: string, Assembly: string, Method: string, OuterType: string, OuterMessage: string, OuterAssembly: string, OuterMethod: string, InnermostType: string, InnermostMessage: string, InnermostAssembly: string, InnermostMethod: string, SeverityLevel: int, Details: dynamic, Measurements: dynamic',
};

/** Table name to its columns in Kusto's own notation. */
export const TABLES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(OWN_COLUMNS).map(([table, own]) => [table, `(${EVERY_TABLE}, ${own})`.replace(/\s+/g, ' ')]),
);
