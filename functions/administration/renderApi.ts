// `npm run docs:api`: writes docs/api-reference.md from the OpenAPI document that the relay serves.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { OPERATIONS, type Operation } from '../intake/openApi/operations.ts';
import { PROBLEMS } from '../intake/problems.ts';

/** The API reference as Markdown. */
export function renderApi(): string {
  const sections = OPERATIONS.map(renderOperation).join('\n');
  return `# API reference

Made from the description that every relay serves at \`/api/openapi.json\`; do not edit it by hand, run \`npm run docs:api\`.
How to call the API, with examples, is in [api.md](api.md).

${sections}
## Problems

Every error is an \`application/problem+json\` document (RFC 9457) whose \`type\` ends in one of these names. What has
a path or method that is not above never reaches the relay: its 404 comes from the platform, without such a document.

| name | status | title | what to do |
|---|---|---|---|
${Object.entries(PROBLEMS)
  .map(([name, { status, title, remedy }]) => `| \`${name}\` | ${status} | ${title} | ${remedy} |`)
  .join('\n')}
`;
}

function renderOperation({
  method,
  path,
  summary,
  description,
  parameters,
  body,
  answers,
  problems,
}: Operation): string {
  const rows = (parameters ?? []).map(
    ({ name, in: where, required, description }) =>
      `| \`${name}\` | ${where} | ${required ? 'yes' : ''} | ${description} |`,
  );
  const table = rows.length > 0 ? `| parameter | in | required | |\n|---|---|---|---|\n${rows.join('\n')}\n` : '';
  const bodies = Object.keys(body ?? {}).map((type) => `\`${type}\``);
  const refusals = problems.map((name) => `${PROBLEMS[name].status} \`${name}\``);
  return [
    `## ${method.toUpperCase()} ${path}`,
    `${summary}.${description ? ` ${description}` : ''}`,
    ...(table ? [table.trimEnd()] : []),
    ...(bodies.length > 0 ? [`Body: ${bodies.join(' or ')}`] : []),
    `Answers: ${Object.entries(answers)
      .map(([status, [text, schema]]) => `${status} \`${schema}\` (${text.replace(/\.$/, '')})`)
      .join(' · ')}`,
    ...(refusals.length > 0 ? [`Problems: ${refusals.join(' · ')}`] : []),
    '',
  ].join('\n\n');
}

const target = fileURLToPath(new URL('../../docs/api-reference.md', import.meta.url));
if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(target, renderApi());
