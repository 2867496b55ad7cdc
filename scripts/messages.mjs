// Collect every message of src/ and schema/, bring jupyter_lcc/locale/ko_KR/LC_MESSAGES/jupyter_lcc.po in line
// with them, and compile it to what JupyterLab's server and our own bundle read.
//
//   node scripts/messages.mjs           rewrite the files; says which messages have no translation
//   node scripts/messages.mjs --check   write nothing; exit 1 if a file would change or a translation is missing
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

import { compile, keyOf, parsePo, writePo } from './po.mjs';

const PO = 'jupyter_lcc/locale/ko_KR/LC_MESSAGES/jupyter_lcc.po';
const SERVED = 'jupyter_lcc/locale/ko_KR/LC_MESSAGES/jupyter_lcc.json';
const BUNDLED = 'src/i18n/ko.json';
const SCHEMA = 'schema/plugin.json';

/** Which arguments of a call are messages: [context, singular, plural], by position. */
const CALLS = { __: [null, 0, null], _n: [null, 0, 1], _p: [0, 1, null], _np: [0, 1, 2] };

function* sources(folder) {
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) {
      if (name !== '__tests__') {
        yield* sources(path);
      }
    } else if (/\.tsx?$/.test(name) && name !== 'generated.ts') {
      yield path;
    }
  }
}

function collectFromSource(path, add) {
  const tree = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  const visit = node => {
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
      const positions = CALLS[node.expression.name.text];
      if (positions && /\btrans$/.test(node.expression.expression.getText())) {
        const [context, singular, plural] = positions.map(at =>
          at === null ? null : textOf(node.arguments[at], path)
        );
        add({ context, singular, plural, path });
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
}

function textOf(node, path) {
  if (!node || !ts.isStringLiteralLike(node)) {
    throw new Error(`${path}: a message must be one literal string, not ${node?.getText()}`);
  }
  return node.text;
}

/** The parts of a settings schema that jupyterlab_server translates, with the contexts it uses. */
function collectFromSchema(add) {
  const schema = JSON.parse(readFileSync(SCHEMA, 'utf8'));
  add({ context: 'schema', singular: schema.title, plural: null, path: SCHEMA });
  add({ context: 'schema', singular: schema.description, plural: null, path: SCHEMA });
  add({
    context: 'settings',
    singular: schema['jupyter.lab.setting-icon-label'],
    plural: null,
    path: SCHEMA
  });
  for (const property of Object.values(schema.properties)) {
    add({ context: 'settings', singular: property.title, plural: null, path: SCHEMA });
    add({ context: 'settings', singular: property.description, plural: null, path: SCHEMA });
  }
}

const messages = new Map();
const add = message => {
  const key = keyOf(message);
  const known = messages.get(key);
  if (known) {
    if (known.plural !== message.plural) {
      throw new Error(`${message.path}: “${message.singular}” stands with and without a plural`);
    }
    known.paths.add(message.path);
  } else {
    messages.set(key, { ...message, paths: new Set([message.path]) });
  }
};
for (const path of sources('src')) {
  collectFromSource(path, add);
}
collectFromSchema(add);

const translated = existsSync(PO) ? parsePo(readFileSync(PO, 'utf8')) : new Map();
const missing = [...messages.keys()].filter(key => !translated.get(key)?.translation);
const unused = [...translated.keys()].filter(key => !messages.has(key));
const wrong = [...messages.values()].filter(
  message => !samePlaces(message, translated.get(keyOf(message))?.translation)
);

/** Do the translation's places (%1, %2 …) stand in the message too, and the other way round? */
function samePlaces({ singular, plural }, translation) {
  const places = text => [...new Set(text.match(/%\d/g) ?? [])].sort().join();
  return !translation || [singular, plural ?? singular].some(text => places(text) === places(translation));
}

const entries = [...messages.values()].map(message => ({
  ...message,
  translation: translated.get(keyOf(message))?.translation ?? ''
}));
const json = JSON.stringify(compile(entries), null, 1) + '\n';
const wanted = { [PO]: writePo(entries), [SERVED]: json, [BUNDLED]: json };

const say = (what, keys) => keys.forEach(key => console.error(`${what}: ${JSON.stringify(key)}`));
say('no Korean translation', missing);
say('other places than the message', wrong.map(keyOf));
if (process.argv.includes('--check')) {
  say('translated, but nowhere used', unused);
  const stale = Object.keys(wanted).filter(
    path => !existsSync(path) || readFileSync(path, 'utf8') !== wanted[path]
  );
  stale.forEach(path => console.error(`${path} is out of date: run jlpm messages`));
  process.exitCode = missing.length + unused.length + wrong.length + stale.length > 0 ? 1 : 0;
} else {
  say('left out, nowhere used', unused);
  for (const [path, text] of Object.entries(wanted)) {
    writeFileSync(path, text);
  }
  console.log(`${messages.size} messages, ${missing.length} without a translation`);
}
