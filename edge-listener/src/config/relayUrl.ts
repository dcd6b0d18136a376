/**
 * Why `text` cannot be the base URL of the function app, in words for a person; undefined when it can.
 * Plain http would show the key and the mail to the network, so it is allowed to loopback only.
 */
export function relayUrlProblem(text: string): string | undefined {
  const url = URL.parse(text);
  if (!url || !['https:', 'http:'].includes(url.protocol))
    return 'expected a URL such as https://my-relay.azurewebsites.net';
  if (url.username || url.password || url.search || url.hash)
    return 'expected a URL without user, password, query and fragment';
  if (url.protocol === 'http:' && !/^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url.hostname))
    return 'expected https:// (http:// is for a function app on this machine only)';
  return undefined;
}

/** Why this is no authority host of Microsoft Entra; undefined when it is one. */
export function authorityProblem(text: string): string | undefined {
  const url = URL.parse(text);
  const isHost = url?.protocol === 'https:' && url.pathname === '/' && !url.username && !url.search && !url.hash;
  return isHost ? undefined : 'expected a host alone, such as https://login.microsoftonline.us';
}
