// The release, as package.json names it.

import manifest from '../../package.json' with { type: 'json' };

export const VERSION: string = manifest.version;
