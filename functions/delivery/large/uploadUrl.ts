/**
 * Which upload URLs are followed. Graph names them, and they are secrets: whoever has one can write into the draft. A
 * URL anywhere else than at Microsoft would carry mail out of the house.
 */

/** Hosts of Outlook and Graph in the public and the national clouds; a leading dot stands for all hosts below. */
const HOSTS = [
  '.office.com',
  '.office365.com',
  '.office365.us',
  '.apps.mil',
  '.partner.outlook.cn',
  'partner.outlook.cn',
  'graph.microsoft.com',
  'graph.microsoft.us',
  'dod-graph.microsoft.us',
  'microsoftgraph.chinacloudapi.cn',
];

export type UploadUrlReading = { readonly url: URL } | { readonly refused: string };

/**
 * Reads the URL of an upload session. Https and a host on the list, or the very origin of Graph itself (the sandbox).
 *
 * @param moreHosts further hosts, in the same form
 */
export function readUploadUrl(text: unknown, graphBaseUrl: string, moreHosts: readonly string[]): UploadUrlReading {
  const url = typeof text === 'string' ? URL.parse(text) : null;
  if (!url) return { refused: 'Graph gave no upload URL.' };
  if (url.origin !== 'null' && url.origin === new URL(graphBaseUrl).origin) return { url };
  const host = url.hostname.toLowerCase();
  const listed = [...HOSTS, ...moreHosts].some((known) =>
    known.startsWith('.') ? host.endsWith(known) : host === known,
  );
  if (url.protocol === 'https:' && url.port === '' && url.username === '' && listed) return { url };
  // The host alone: the rest of the URL is a secret.
  return {
    refused: `Graph named the upload host ${host || '(none)'}, which is not on the list. If it is Microsoft's, add it to GRAPH_UPLOAD_HOSTS.`,
  };
}
