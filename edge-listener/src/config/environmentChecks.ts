// What the configuration asks of the environment: the key of the edge, and a way through a proxy.

/** What is wrong with the key in `variable`; a key is not needed by commands without one, nor with Microsoft Entra. */
export function keyProblems(variable: string, environment: NodeJS.ProcessEnv, isNeeded: boolean): string[] {
  const key = environment[variable]?.trim();
  if (key && /[^\x21-\x7e]/.test(key))
    return [`environment variable ${variable}: expected a key of printable ASCII without blanks`];
  return key || !isNeeded ? [] : [`environment variable ${variable}: expected the key of this edge; got nothing`];
}

/** What is wrong with the proxy on the way to `url`: Node takes it from the environment from version 24.5 on. */
export function proxyProblems(url: string, environment: NodeJS.ProcessEnv): string[] {
  const target = URL.parse(url);
  if (!target || isDirect(target, environment.no_proxy || environment.NO_PROXY || '')) return [];
  const name = target.protocol.replace(':', '_proxy');
  const variable = [name, name.toUpperCase()].find((one) => environment[one]);
  if (!variable) return [];
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 24 || (major === 24 && minor < 5))
    return [`environment variable ${variable}: expected Node 24.5 or newer to use a proxy; got ${process.version}`];
  return URL.canParse(environment[variable]!) ? [] : [`environment variable ${variable}: expected the URL of a proxy`];
}

/** True when NO_PROXY says that this host is reached without one: `*`, a host, or `.domain`, each perhaps with a port. */
function isDirect({ hostname, port, protocol }: URL, noProxy: string): boolean {
  const portOf = port || (protocol === 'https:' ? '443' : '80');
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .filter(Boolean)
    .some((entry) => {
      const [, host = '', only] = /^(.*?)(?::(\d+))?$/.exec(entry)!;
      if (only && only !== portOf) return false;
      const suffix = host.replace(/^\*?\./, '.');
      return host === '*' || host === hostname || (suffix.startsWith('.') && hostname.endsWith(suffix));
    });
}
