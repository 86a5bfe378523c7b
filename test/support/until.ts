// Waiting in tests: for a condition, with a deadline, never for luck.

/** Resolves with the first truthy answer of `condition`; fails after `deadline` ms, saying what was awaited. */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  deadline = 15_000,
): Promise<NonNullable<T>> {
  const end = performance.now() + deadline;
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    if (performance.now() > end) throw new Error(`waited ${deadline} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
