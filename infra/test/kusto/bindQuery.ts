/** Parses a KQL query and binds every name in it, with the language service that the Azure portal's editor uses. */
import { createRequire } from 'node:module';
import { TABLES } from './schema.ts';

interface Diagnostic {
  readonly Severity: string;
  readonly Message: string;
  readonly Start: number;
}

interface TableSymbol {
  WithName(name: string): TableSymbol;
}

interface GlobalState {
  WithDatabase(database: unknown): GlobalState;
}

/** The few members we use of what the package puts on the global object; it is C# compiled to JavaScript. */
interface LanguageService {
  readonly KustoCode: {
    ParseAndAnalyze(text: string, globals: GlobalState): { GetDiagnostics(): unknown; ResultType: ResultType | null };
  };
  readonly GlobalState: { readonly Default: GlobalState };
  readonly Symbols: {
    readonly TableSymbol: { From(columns: string): TableSymbol };
    readonly DatabaseSymbol: { readonly $ctor1: new (name: string, members: TableSymbol[]) => unknown };
  };
}

interface ResultType {
  readonly Columns?: unknown;
}

const require = createRequire(import.meta.url);
require('@kusto/language-service-next/bridge.min.js');
require('@kusto/language-service-next/Kusto.Language.Bridge.min.js');
const { Kusto, Bridge } = globalThis as unknown as {
  Kusto: { Language: LanguageService };
  Bridge: { toArray(list: unknown): unknown[] };
};
const { KustoCode, GlobalState, Symbols } = Kusto.Language;

const workspace = GlobalState.Default.WithDatabase(
  new Symbols.DatabaseSymbol.$ctor1(
    'workspace',
    Object.entries(TABLES).map(([name, columns]) => Symbols.TableSymbol.From(columns).WithName(name)),
  ),
);

export interface BoundQuery {
  /** What is wrong with it, as `line: message`. */
  readonly problems: readonly string[];
  /** Names of the columns of its result. */
  readonly columns: readonly string[];
}

export function bindQuery(text: string): BoundQuery {
  const code = KustoCode.ParseAndAnalyze(text, workspace);
  const problems = (Bridge.toArray(code.GetDiagnostics()) as Diagnostic[]).map(
    ({ Severity, Message, Start }) => `${text.slice(0, Start).split('\n').length}: ${Severity}: ${Message}`,
  );
  const columns = code.ResultType?.Columns ? (Bridge.toArray(code.ResultType.Columns) as { Name: string }[]) : [];
  return { problems, columns: columns.map(({ Name }) => Name) };
}
