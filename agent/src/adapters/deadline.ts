// Deadlines for what others do: nobody is waited for without an end.

/** What `work` gives; rejects with what `late` makes when that takes longer than `ms`. The work itself goes on. */
export function within<T>(ms: number, work: Promise<T>, late: () => Error): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(late()), ms);
  return Promise.race([work, promise]).finally(() => clearTimeout(timer));
}

/** Whether `work` ends within `ms`; rejects when it does. */
export function endsWithin(ms: number, work: Promise<unknown>): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), ms);
  return Promise.race([work.then(() => true), promise]).finally(() => clearTimeout(timer));
}

/** Whether `work` ends before the signal has been aborted for `ms`; rejects when it does. The work itself goes on. */
export function heeding(ms: number, work: Promise<void>, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  let timer: NodeJS.Timeout | undefined;
  const begin = () => {
    timer = setTimeout(() => resolve(false), ms);
  };
  if (signal.aborted) begin();
  else signal.addEventListener('abort', begin);
  return Promise.race([work.then(() => true), promise]).finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', begin);
  });
}
