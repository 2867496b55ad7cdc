// Fail when the built extension has grown over what a page should have to load: at first, and later when it is asked for.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = 'jupyter_lcc/labextension/static';

/** Chunks that are loaded when they are needed, by the names their imports give them. */
const LATER = /^(environments|korean|panel)\./;
const MOST_BYTES = { first: 150_000, later: 235_000 };

const scripts = readdirSync(FOLDER).filter(name => name.endsWith('.js'));
const bytesOf = names => names.reduce((sum, name) => sum + statSync(join(FOLDER, name)).size, 0);
const bytes = {
  first: bytesOf(scripts.filter(name => !LATER.test(name))),
  later: bytesOf(scripts.filter(name => LATER.test(name)))
};
for (const [when, most] of Object.entries(MOST_BYTES)) {
  console.log(`${when}: ${bytes[when]} bytes; at most ${most} are allowed`);
  if (bytes[when] > most || bytes[when] === 0) {
    process.exitCode = 1;
  }
}
