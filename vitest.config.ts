import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Real peers, real files: the deadline of a test is generous, its conditions are not.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // More than there are cores: most of a test is waiting for a peer.
    maxWorkers: 3,
    // Tests that run at once within a file wait for peers most of the time.
    maxConcurrency: 10,
  },
});
