// Fail when the built extension has grown over what a page should have to load.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = 'jupyter_lcc/labextension/static';
const MOST_BYTES = 150_000;

const scripts = readdirSync(FOLDER).filter(name => name.endsWith('.js'));
const bytes = scripts.reduce((sum, name) => sum + statSync(join(FOLDER, name)).size, 0);
console.log(`${scripts.length} scripts, ${bytes} bytes; at most ${MOST_BYTES} are allowed`);
process.exitCode = bytes <= MOST_BYTES ? 0 : 1;
