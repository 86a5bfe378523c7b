// The parts that rules are made of. A check judges one value and says how to mend it; a relation judges several
// arguments of one block. Each carries wrong examples of its own, which the tests plant.

/** What a value is called when it is judged, and why it fails. */
export interface Check {
  /** How to mend it, as a sentence without its subject: `must be …`. Undefined when the value is fine. */
  judge(value: unknown): string | undefined;
  /** Values that must be found. */
  readonly wrong: readonly unknown[];
}

const text = (value: unknown): string => (typeof value === 'string' ? `"${value}"` : JSON.stringify(value));

/** Letters that must change to make one word of the other; only small distances matter. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

function closest(value: unknown, allowed: readonly string[]): string {
  if (typeof value !== 'string') return '';
  const lower = value.toLowerCase();
  const ranked = allowed
    .map((word) => [word, distance(lower, word.toLowerCase())] as const)
    .sort((a, b) => a[1] - b[1]);
  const best = ranked[0];
  return best !== undefined && best[1] <= Math.max(2, value.length / 3) ? `. Did you mean "${best[0]}"?` : '';
}

/** One of these words, in this spelling. */
export function oneOf(...allowed: readonly string[]): Check {
  return {
    judge: (value) =>
      allowed.includes(value as string)
        ? undefined
        : `must be one of ${allowed.join(', ')}; it is ${text(value)}${closest(value, allowed)}`,
    wrong: ['no-such-word', ...(allowed[0] === allowed[0]?.toLowerCase() ? [] : [allowed[0]?.toLowerCase()])],
  };
}

/** One of these numbers. */
export function oneOfNumbers(...allowed: readonly number[]): Check {
  return {
    judge: (value) =>
      allowed.includes(Number(value)) ? undefined : `must be one of ${allowed.join(', ')}; it is ${text(value)}`,
    wrong: [Math.max(...allowed) + 1],
  };
}

/** A whole number from `low` to `high`, both included. */
export function range(low: number, high: number, unit = ''): Check {
  return {
    judge: (value) => {
      const number = Number(value);
      if (Number.isInteger(number) && number >= low && number <= high) return undefined;
      return `must be a whole number from ${low} to ${high}${unit === '' ? '' : ` ${unit}`}; it is ${text(value)}`;
    },
    wrong: [low - 1, high + 1],
  };
}

/** A text that matches; `words` says what the pattern means, for people. */
export function pattern(form: RegExp, words: string, ...wrong: readonly string[]): Check {
  return {
    judge: (value) =>
      typeof value === 'string' && form.test(value) ? undefined : `must be ${words}; it is ${text(value)}`,
    wrong,
  };
}

/** A name: from `low` to `high` characters that match. The words say what may be in it. */
export function name(low: number, high: number, form: RegExp, words: string, ...wrong: readonly string[]): Check {
  return {
    judge: (value) => {
      if (typeof value !== 'string') return `must be a text; it is ${text(value)}`;
      if (value.length < low || value.length > high) {
        return `must have ${low} to ${high} characters; ${text(value)} has ${value.length}`;
      }
      return form.test(value) ? undefined : `must be made of ${words}; it is ${text(value)}`;
    },
    wrong: [...(low > 1 ? ['a'.repeat(low - 1)] : []), 'a'.repeat(high + 1), ...wrong],
  };
}

/** Every item of a list or set, or every value of a map, by the same check. */
export function each(check: Check): Check {
  return {
    judge: (value) => {
      if (value === null || typeof value !== 'object') return undefined;
      for (const item of Object.values(value)) {
        const mend = typeof item === 'symbol' || item === null ? undefined : check.judge(item);
        if (mend !== undefined) return `each ${mend}`;
      }
      return undefined;
    },
    wrong: check.wrong.map((item) => [item]),
  };
}

/** So many items in a list, set or map; for blocks too. */
export function items(low: number, high: number): Check {
  return {
    judge: (value) => {
      const count = value !== null && typeof value === 'object' ? Object.keys(value).length : 0;
      return count >= low && count <= high ? undefined : `must have ${low} to ${high} items; it has ${count}`;
    },
    wrong: [],
  };
}

/** ISO 8601: `PT1H`, `P7D`. */
export const isoDuration = pattern(
  /^P(?=.)(?:\d+Y)?(?:\d+M)?(?:\d+W)?(?:\d+D)?(?:T(?=.)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?$/,
  'an ISO 8601 duration such as PT1H or P7D',
  '1h',
  '7 days',
);

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;
export const uuid = pattern(UUID, 'a UUID such as 00000000-0000-0000-0000-000000000000', 'abcd1234');

/** An IPv4 network: `10.0.0.0/16`. */
export const cidr: Check = {
  judge: (value) => {
    const [, address, bits] = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(String(value)) ?? [];
    const numbers = (address ?? '').split('.').map(Number);
    const fine = address !== undefined && numbers.every((number) => number <= 255) && Number(bits) <= 32;
    return fine ? undefined : `must be a network such as 10.0.0.0/16; it is ${text(value)}`;
  },
  wrong: ['10.0.0.0', '10.0.0.300/24', '10.0.0.0/33'],
};

/**
 * The id of an Azure resource, by its pattern with `{}` for what differs:
 * `Microsoft.Network/virtualNetworks/{}/subnets/{}` in a resource group. A test's mock must look like one too, or the
 * same test fails with the real provider.
 */
export function armId(...templates: readonly string[]): Check {
  const full = templates.map((template) =>
    template.startsWith('/') ? template : `/subscriptions/{}/resourceGroups/{}/providers/${template}`,
  );
  const forms = full.map((template) => {
    const parts = template.split('{}').map((part) => part.replaceAll('.', '\\.'));
    return new RegExp(`^${parts.join('[^/]+')}$`);
  });
  return {
    judge: (value) =>
      typeof value === 'string' && forms.some((form) => form.test(value))
        ? undefined
        : `must be an id like ${full[0]?.replaceAll('{}', '…')}; it is ${text(value)}`,
    wrong: ['abcd1234'],
  };
}

/** Any id that Azure's management interface knows. */
export const anyArmId = pattern(
  /^\/(?:subscriptions|providers|tenants)\/[^/]+(?:\/|$)/,
  'an Azure id that starts with /subscriptions/… or /providers/…',
  'abcd1234',
);
