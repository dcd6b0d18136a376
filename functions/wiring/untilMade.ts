/** Makes a thing at the first need, once for all who need it; after a failure whoever needs it next tries again. */
export function untilMade<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}
