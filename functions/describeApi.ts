// GET /api/openapi.json: the API, described for people and programs.
import { publicFunction } from './intake/httpFunction.ts';
import { openApiDocument } from './intake/openApi/document.ts';

const jsonBody = openApiDocument();

publicFunction('describeApi', 'GET', 'openapi.json', async () => ({
  status: 200,
  headers: { 'cache-control': 'max-age=3600' },
  jsonBody,
}));
