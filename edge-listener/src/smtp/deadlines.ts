// The clocks smtp-server lacks: its own only runs while a client is silent, so one byte a minute holds a session.

/** What a session is doing, all times in milliseconds of one monotonic clock. */
export interface SessionProgress {
  /** When the last command line was taken. */
  commandAt: number;
  /** When DATA began; undefined outside it. */
  dataAt: number | undefined;
  dataBytes: number;
  /** True during the TLS handshake after STARTTLS, the command that was taken last. */
  handshake: boolean;
}

export interface DeadlineLimits {
  readonly commandSeconds: number;
  readonly handshakeSeconds: number;
  readonly messageSeconds: number;
  readonly minBytesPerSecond: number;
}

/** The rate counts only after a message has taken so long, in seconds: a scanner pauses while it feeds a page. */
const RATE_COUNTS_AFTER_SECONDS = 60;

/** Why the session has to end now, in words for a person; undefined when it may go on. */
export function overdue(progress: SessionProgress, now: number, limits: DeadlineLimits): string | undefined {
  if (progress.dataAt === undefined) {
    const waited = (now - progress.commandAt) / 1000;
    if (progress.handshake && waited > limits.handshakeSeconds) return handshakeTooSlow(limits);
    return waited > limits.commandSeconds ? `no command for ${limits.commandSeconds} s` : undefined;
  }
  const seconds = (now - progress.dataAt) / 1000;
  if (seconds > limits.messageSeconds) return `a message took longer than ${limits.messageSeconds} s`;
  if (seconds > RATE_COUNTS_AFTER_SECONDS && progress.dataBytes / seconds < limits.minBytesPerSecond)
    return `a message came slower than ${limits.minBytesPerSecond} bytes a second`;
  return undefined;
}

/** The reason for a TLS handshake that took too long, however many bytes trickled in. */
export function handshakeTooSlow({ handshakeSeconds }: DeadlineLimits): string {
  return `a TLS handshake took longer than ${handshakeSeconds} s`;
}
