// Prometheus metrics (text format 0.0.4).
import type { SpoolCounts } from '../spool/spool.ts';
import type { EventTally } from './eventTally.ts';

export interface MetricsSource {
  readonly tally: EventTally;
  readonly counts: SpoolCounts;
  readonly connections: number;
  readonly oldestSeconds: number;
  readonly uptimeSeconds: number;
  readonly version: string;
}

/** All metrics of the edge. */
export function metricsText({
  tally,
  counts,
  connections,
  oldestSeconds,
  uptimeSeconds,
  version,
}: MetricsSource): string {
  const of = (event: string) => tally.counts.get(event) ?? 0;
  const lines: string[] = [];
  const metric = (name: string, type: 'counter' | 'gauge', help: string, values: [string, number][]) => {
    lines.push(`# HELP edge_${name} ${help}`, `# TYPE edge_${name} ${type}`);
    for (const [labels, value] of values) lines.push(`edge_${name}${labels} ${value}`);
  };
  const one = (value: number): [string, number][] => [['', value]];
  metric('info', 'gauge', 'Version of the edge listener.', [[`{version="${version}"}`, 1]]);
  metric('uptime_seconds', 'gauge', 'Seconds since the start.', one(uptimeSeconds));
  metric('accepted_total', 'counter', 'Messages promised to devices.', one(of('edge.accepted')));
  metric('accepted_bytes_total', 'counter', 'Bytes of messages promised.', one(tally.acceptedBytes));
  metric('repeated_total', 'counter', 'Messages recognised as repeated.', one(of('edge.repeated')));
  metric(
    'rejected_total',
    'counter',
    'Refusals by SMTP reply code.',
    [...tally.rejectsByCode].map(([code, count]) => [`{code="${code}"}`, count]),
  );
  metric('refused_connections_total', 'counter', 'Connections refused.', one(of('edge.refusedConnection')));
  metric('login_failures_total', 'counter', 'Wrong passwords.', one(of('edge.loginFailed')));
  metric('clients_gone_total', 'counter', 'Messages broken off by the client.', one(of('edge.clientGone')));
  metric('forwarded_total', 'counter', 'Messages the function app took over.', one(of('edge.forwarded')));
  metric('forwarding_seconds_total', 'counter', 'Time spent on them.', one(tally.forwardedMilliseconds / 1000));
  metric('retries_total', 'counter', 'Attempts that have to be repeated.', one(of('edge.retrying')));
  metric('failed_total', 'counter', 'Messages given up or refused for good.', one(of('edge.failed')));
  metric('spool_errors_total', 'counter', 'Failures of the spool.', one(of('edge.spoolError')));
  metric('spool_messages', 'gauge', 'Messages waiting.', one(counts.queued));
  metric('spool_bytes', 'gauge', 'Bytes waiting.', one(counts.queuedBytes));
  metric('spool_oldest_seconds', 'gauge', 'Age of the oldest waiting message.', one(oldestSeconds));
  metric('spool_failed_messages', 'gauge', 'Messages kept for a person.', one(counts.failed));
  metric('connections', 'gauge', 'SMTP connections open.', one(connections));
  metric('relay_reachable', 'gauge', '1 while the function app takes mail.', one(tally.relayReachable ? 1 : 0));
  metric('resident_memory_bytes', 'gauge', 'Resident memory.', one(process.memoryUsage.rss()));
  return `${lines.join('\n')}\n`;
}
