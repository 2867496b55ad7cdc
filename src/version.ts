// Generated from package.json by scripts/version.mjs (jlpm generate).
export const VERSION = '0.1.0';
