declare const EDGE_VERSION: string | undefined;

/** The version of the edge listener, put in by the bundler; `dev` when the sources run unbundled. */
export const edgeVersion: string = typeof EDGE_VERSION === 'string' ? EDGE_VERSION : 'dev';
