// A module's twin, the document that the hub and the module share: desired properties from above, reported ones from
// below, each with a version. A patch merges deeply; null deletes.

export type Properties = { [name: string]: unknown };

export class Twin {
  #desired: Properties = {};
  #reported: Properties = {};
  #desiredVersion = 1;
  #reportedVersion = 1;

  get desired(): Properties {
    return { ...this.#desired, $version: this.#desiredVersion };
  }

  get reported(): Properties {
    return { ...this.#reported, $version: this.#reportedVersion };
  }

  /** Merges `patch` into the desired properties; answers what is pushed to the module. */
  desire(patch: Properties): Properties {
    this.#desired = merged(this.#desired, patch);
    this.#desiredVersion += 1;
    return { ...patch, $version: this.#desiredVersion };
  }

  /** Merges `patch` into the reported properties; answers their new version. */
  report(patch: Properties): number {
    this.#reported = merged(this.#reported, patch);
    this.#reportedVersion += 1;
    return this.#reportedVersion;
  }
}

function merged(into: Properties, patch: Properties): Properties {
  const result = { ...into };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else if (isObject(value)) result[name] = merged(isObject(result[name]) ? result[name] : {}, value);
    else result[name] = value;
  }
  return result;
}

function isObject(value: unknown): value is Properties {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
