// `npm start`: checks Node, then hands over to the TypeScript start, which needs one that strips types.
import './requireNode.mjs';

await import('./start.ts');
