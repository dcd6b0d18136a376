// Everything the edge says: one JSON line per thing that happened, never a body, a subject or a secret.

/** Which message an event is about. */
interface About {
  readonly id: string;
}

/** Every event and its fields. Addresses of devices are shown; those of people are not. */
export interface EdgeEvents {
  'edge.starting': { version: string; node: string; name: string; spool: string; relay: string };
  'edge.recovered': { queued: number; failed: number; swept: number; milliseconds: number };
  'edge.listening': { address: string; port: number; tls: string; auth: string; clients: readonly string[] };
  'edge.ready': Record<string, never>;
  'edge.refusedConnection': { address: string; reason: string; count: number };
  'edge.connectionError': { address: string; code: string; count: number; hint?: string };
  'edge.accepted': About & {
    address: string;
    helo: string;
    tls: string;
    user: string;
    bytes: number;
    recipients: number;
    milliseconds: number;
  };
  'edge.rejected': { address: string; code: number; reason: string; hint?: string };
  'edge.repeated': About & { address: string };
  'edge.loggedIn': { address: string; user: string; mechanism: string };
  'edge.loginFailed': { address: string; banned: boolean };
  'edge.tooSlow': { address: string; reason: string; hint?: string };
  'edge.certificateReloaded': { file: string };
  'edge.certificateUnfit': { file: string; reason: string };
  'edge.certificateExpiring': { file: string; daysLeft: number };
  'edge.clientGone': { address: string; bytes: number; hint?: string };
  'edge.forwarded': About & { attempts: number; bytes: number; waitedSeconds: number; milliseconds: number };
  'edge.retrying': About & { attempts: number; inSeconds: number; reason: string };
  'edge.failed': About & { attempts: number; code: string; reason: string };
  'edge.discarded': About & { reason: string };
  'edge.relayUnreachable': { reason: string };
  'edge.relayReachable': { queued: number };
  'edge.heartbeatFailed': { reason: string };
  'edge.messageLimit': { bytes: number };
  'edge.operations': { address: string; port: number };
  'edge.reported': About & { report: string };
  'edge.spoolError': { reason: string };
  'edge.error': { reason: string };
  'edge.stopping': { signal: string };
  'edge.stopped': { queued: number };
}

/** Says that something happened. */
export type Report = <Name extends keyof EdgeEvents>(event: Name, fields: EdgeEvents[Name]) => void;

/** A {@link Report} that writes JSON lines with the time first. Of addresses in reasons only the domain is shown. */
export function createJsonReport(write: (line: string) => void): Report {
  return (event, fields) => {
    const shown: Record<string, unknown> = { time: new Date().toISOString(), event, ...fields };
    if (typeof shown.reason === 'string') shown.reason = withoutPeople(shown.reason);
    write(`${JSON.stringify(shown)}\n`);
  };
}

/** The text with the local part of every address taken out. */
export function withoutPeople(text: string): string {
  return text.replace(/[^\s<>"',;:()]+@(?=[^\s@])/g, '…@');
}
