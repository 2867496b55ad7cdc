// Write src/version.ts from package.json, so that the panel knows which version it is.
import { readFileSync, writeFileSync } from 'node:fs';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
writeFileSync(
  'src/version.ts',
  `// Generated from package.json by scripts/version.mjs (jlpm generate).\nexport const VERSION = '${version}';\n`
);
