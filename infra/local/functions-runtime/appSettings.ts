/** The app settings of the function app, as environment variables. */
export type AppSettings = Readonly<Record<string, string | undefined>>;

/** Replaces `%NAME%` in a queue name or schedule by the app setting NAME, as the host does. */
export function resolveSettings(text: string, settings: AppSettings): string {
  return text.replace(/%([^%]+)%/g, (_, name: string) => {
    const value = settings[name];
    if (value === undefined)
      throw new Error(`'%${name}%' does not resolve to a value: the setting ${name} is missing.`);
    return value;
  });
}

/** The storage connection string behind a trigger's `connection`, the name of a setting. */
export function connectionString(connection: string | undefined, settings: AppSettings): string {
  const name = connection || 'AzureWebJobsStorage';
  const value = settings[name];
  if (!value) throw new Error(`The setting ${name} holds no storage connection string.`);
  return value;
}
