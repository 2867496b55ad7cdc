const STAGES: Readonly<Record<string, string>> = { alpha: 'a', beta: 'b', rc: 'rc' };

/**
 * Tell whether a Python and an npm version are the same one: 0.2.0a1 and 0.2.0-alpha.1 are.
 */
export function sameVersion(ofServer: string, ofPanel: string): boolean {
  return normalize(ofServer) === normalize(ofPanel);
}

function normalize(version: string): string {
  return version.replace(/-(alpha|beta|rc)\.?/, (_, stage: string) => STAGES[stage] ?? stage);
}
