/** infra/main.bicep as the compiler makes it, once per process, and what it would deploy. */
import { type Deployment, deploy, type Template } from './arm/deployment.ts';
import type { Json } from './arm/expression.ts';
import { type Compiler, findCompiler } from './bicep/compiler.ts';

export const compiler: Compiler | undefined = findCompiler();

if (!compiler)
  console.error(
    [
      '*** The Bicep compiler could not be had: not by the BICEP variable, not on the PATH, not from NuGet.',
      '*** Only the syntax of the Bicep files is checked. NOTHING of what they would deploy is.',
    ].join('\n'),
  );

const built = compiler?.run('build', 'infra/main.bicep', '--stdout');

/** What the compiler had to say: empty when it is content. */
export const diagnostics: string = built?.stderr.trim() ?? '';

/** The compiled template, unless there is no compiler or the Bicep is wrong. */
export const template: Template | undefined = built?.status === 0 ? (JSON.parse(built.stdout) as Template) : undefined;

/** Whether there is something to look at: with a compiler there must be, and `template.test.ts` says so. */
export const compiled: boolean = template !== undefined;

const CALLERS = { edge: { keyHashes: ['0'.repeat(64)], senders: ['*@contoso.com'], recipients: ['*'] } };

/** Deploys on paper, with the parameters that have no default. */
export function deployed(parameters: Record<string, Json> = {}): Deployment {
  if (!template) throw new Error('infra/main.bicep does not compile.');
  return deploy(template, { environmentName: 'test', location: 'westeurope', callers: CALLERS, ...parameters });
}

/** Every option that adds resources, at once. */
export const EVERYTHING = {
  keepCallersInVault: true,
  privateNetwork: true,
  availabilityTest: true,
  allowedAddresses: ['192.0.2.1/32'],
  operatorGroupId: '44444444-4444-4444-8444-444444444444',
  alertEmails: ['it@contoso.com'],
  alwaysReadyInstances: 1,
};
