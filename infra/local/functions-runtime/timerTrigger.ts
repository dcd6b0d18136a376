import { Cron } from 'croner';
import { type AppSettings, resolveSettings } from './appSettings.ts';
import type { RegisteredFunction, TypedData } from './coreModule.ts';
import type { Invoker } from './invocation.ts';

/** Five or six fields without L, W, # and ?, which croner knows and NCRONTAB does not. */
const NCRONTAB =
  /^(?:(?:[\d*,/-]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT)+\s*){5,6}$/i;

export interface TimerTriggerOptions {
  readonly function: RegisteredFunction;
  readonly invoker: Invoker;
  readonly settings: AppSettings;
  readonly signal: AbortSignal;
}

/** Calls a function by its NCRONTAB schedule, in UTC, never twice at a time, until `signal` aborts. */
export function startTimerTrigger({ function: fn, invoker, settings, signal }: TimerTriggerOptions): void {
  const schedule = resolveSettings(String(fn.trigger.schedule), settings);
  if (!NCRONTAB.test(schedule)) throw new Error(`Function ${fn.name}: "${schedule}" is not an NCRONTAB schedule.`);
  const cron = new Cron(schedule, {
    mode: '5-or-6-parts',
    sloppyRanges: true,
    // NCRONTAB wants both the day of the month and the day of the week to fit.
    domAndDow: true,
    timezone: settings.WEBSITE_TIME_ZONE ?? 'UTC',
    protect: true,
    paused: true,
  });
  // A failure is in the log; the next run comes by schedule.
  const run = () => invoker.invoke({ function: fn, data: timerData(cron.nextRun()) }).catch(() => {});
  cron.schedule(async () => void (await run()));
  cron.resume();
  signal.addEventListener('abort', () => cron.stop(), { once: true });
  if (fn.trigger.runOnStartup === true) void run();
}

/** What a timer function is told of its schedule; the runtime remembers no earlier runs. */
export function timerData(next: Date | null = null, now: Date = new Date()): TypedData {
  const ScheduleStatus = { Last: now, Next: next ?? now, LastUpdated: now };
  return { json: JSON.stringify({ Schedule: { AdjustForDST: true }, ScheduleStatus, IsPastDue: false }) };
}
