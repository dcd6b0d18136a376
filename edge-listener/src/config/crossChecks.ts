// What fields of a configuration ask of each other. Said about any value, so that one wrong field hides no other problem.

type Loose = Readonly<Record<string, unknown>>;

const record = (value: unknown): Loose => (typeof value === 'object' && value !== null ? (value as Loose) : {});
const records = (value: unknown): Loose[] => (Array.isArray(value) ? value.map(record) : []);
const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];

/** Every problem between fields, one sentence each; fields that are missing or wrong themselves are passed over. */
export function crossProblems(value: unknown): string[] {
  const config = record(value);
  const listeners = records(config.listeners);
  const users = records(config.users);
  return [
    ...listeners.flatMap((listener, i) => [
      ...ofListener(listener).map((problem) => `listeners[${i}].${problem}`),
      ...needsOf(listener, config, users).map((problem) => problem.replace('#', `listeners[${i}]`)),
    ]),
    ...repeated(users, ({ name }) => name).map((i) => `users[${i}].name: expected a name no other user has`),
    ...repeated(listeners, ({ host, port }) => port && `${host} ${port}`).map(
      (i) => `listeners[${i}].port: expected a port no other listener of this host has; got ${listeners[i]!.port}`,
    ),
  ];
}

function ofListener({ tls = 'none', auth = 'none', legacyTls, authBeforeTls, clients, ...rules }: Loose): string[] {
  const problems: string[] = [];
  const everyone = texts(clients).find(isEveryone);
  const limited = [rules.senders, rules.recipients].some((rule) => Array.isArray(rule) && !rule.includes('*'));
  if (everyone && auth !== 'required' && !limited)
    problems.push(
      `clients: expected networks of yours, or auth: required, or senders; got ${everyone}, which makes an open relay`,
    );
  if (everyone && legacyTls === true)
    problems.push('legacyTls: expected clients to name the networks of the old devices, not everyone; got true');
  if (tls === 'none' && legacyTls === true) problems.push('legacyTls: expected tls to be other than none; got true');
  if (tls === 'none' && auth !== 'none' && authBeforeTls !== true)
    problems.push(
      `auth: expected tls other than none, or authBeforeTls: true to take passwords in the clear; got ${JSON.stringify(auth)}`,
    );
  return problems;
}

/** What a listener needs of the rest of the file; `#` stands for the listener. */
function needsOf(
  { tls = 'none', auth = 'none', certificate }: Loose,
  config: Loose,
  users: readonly Loose[],
): string[] {
  const problems: string[] = [];
  if (tls !== 'none' && certificate === undefined && config.certificate === undefined)
    problems.push(`#.certificate: expected a certificate for tls: ${tls}; got nothing`);
  if (auth !== 'none' && users.length === 0)
    problems.push(`users: expected at least one user for auth: ${auth} of #; got nothing`);
  return problems;
}

/** True for a network of half of all addresses or more. */
function isEveryone(network: string): boolean {
  const length = network.split('/')[1];
  return length !== undefined && Number(length) <= 1;
}

/** Indexes of the entries whose `key` an earlier one has. */
function repeated(entries: readonly Loose[], key: (entry: Loose) => unknown): number[] {
  const keys = entries.map(key);
  return keys.flatMap((one, i) => (one && keys.indexOf(one) < i ? [i] : []));
}
