/** The API as an OpenAPI 3.1 document, made of the operations, the schemas and the table of problems. */
import { PROBLEM_CONTENT_TYPE, PROBLEM_TYPE_BASE } from '../../contract/relayProtocol.ts';
import { PROBLEMS } from '../problems.ts';
import { OPERATIONS, type Operation } from './operations.ts';
import { SCHEMAS } from './schemas.ts';

const ref = (schema: string) => ({ $ref: `#/components/schemas/${schema}` });

/** The document that `GET /api/openapi.json` answers with. */
export function openApiDocument(): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of OPERATIONS) {
    paths[operation.path] ??= {};
    paths[operation.path]![operation.method] = describe(operation);
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Serverless SMTP relay for Microsoft 365',
      version: '1',
      summary: 'Mail in by HTTPS, out through Microsoft Graph.',
      description:
        'Every error is a problem document (RFC 9457). A 400, 409, 413, 415, 422 or a 403 `sender-refused` is a verdict on the mail: it will not be taken as it is. Everything else is not: keep the mail and try again, after `Retry-After` where it is given.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'A caller key, or a Microsoft Entra access token with the app role Mail.Submit.',
        },
      },
      schemas: { ...SCHEMAS, Description: { type: 'object', required: ['openapi', 'paths'] } },
    },
  };
}

function describe(operation: Operation): Record<string, unknown> {
  const { id, summary, description, parameters, body, mayBeEmpty, open } = operation;
  return {
    operationId: id,
    summary,
    ...(description && { description }),
    ...(open && { security: [{}, { bearer: [] }] }),
    ...(parameters && { parameters }),
    ...(body && { requestBody: { required: !mayBeEmpty, content: bodyContent(body) } }),
    responses: { ...answersOf(operation), ...problemsOf(operation) },
  };
}

function bodyContent(body: NonNullable<Operation['body']>) {
  return Object.fromEntries(
    Object.entries(body).map(([type, schema]) => [type, schema === 'binary' ? {} : { schema: ref(schema) }]),
  );
}

function answersOf({ answers, open }: Operation) {
  return Object.fromEntries(
    Object.entries(answers).map(([status, [description, schema]]) => {
      const shape = open && schema === 'Health' ? { anyOf: [ref('Health'), ref('HealthStatus')] } : ref(schema);
      const location = { description: 'Where to ask for the state.', schema: { type: 'string' } };
      return [
        status,
        {
          description,
          ...(schema === 'Accepted' && { headers: { location } }),
          content: { 'application/json': { schema: shape } },
        },
      ];
    }),
  );
}

/** One response per status, with the types that its problems may have. */
function problemsOf({ problems }: Operation) {
  const byStatus = Object.groupBy(problems, (name) => String(PROBLEMS[name].status));
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, names = []]) => {
      const headers = {
        ...(status === '401' && { 'www-authenticate': { description: '`Bearer`.', schema: { type: 'string' } } }),
        ...((status === '429' || status === '503') && {
          'retry-after': { description: 'Seconds to wait.', schema: { type: 'integer' } },
        }),
        ...(status === '415' && {
          'accept-encoding': { description: 'Content codings that are understood.', schema: { type: 'string' } },
        }),
      };
      return [
        status,
        {
          description: names.map((name) => `\`${name}\`: ${PROBLEMS[name].title}. ${PROBLEMS[name].remedy}`).join(' '),
          ...(Object.keys(headers).length > 0 && { headers }),
          content: {
            [PROBLEM_CONTENT_TYPE]: {
              schema: {
                allOf: [ref('Problem')],
                properties: { type: { enum: names.map((name) => PROBLEM_TYPE_BASE + name) } },
              },
            },
          },
        },
      ];
    }),
  );
}
