// As much of gettext's .po files as we need: one language, messages with and without context and plural.

const HEADER = {
  'Content-Type': 'text/plain; charset=UTF-8',
  Language: 'ko_KR',
  'Plural-Forms': 'nplurals=1; plural=0;'
};

/** The key gettext and JupyterLab look a message up by. */
export function keyOf({ context, singular }) {
  return context === null ? singular : `${context}\u0004${singular}`;
}

/** Read a .po file as a map from key to entry. */
export function parsePo(text) {
  const entries = new Map();
  for (const block of text.split(/\n{2,}/)) {
    const fields = {};
    let field = null;
    for (const line of block.split('\n')) {
      const started = /^(msgctxt|msgid|msgid_plural|msgstr|msgstr\[0\]) (".*")$/.exec(line);
      if (started) {
        field = started[1];
        fields[field] = JSON.parse(started[2]);
      } else if (line.startsWith('"') && field) {
        fields[field] += JSON.parse(line);
      }
    }
    if (fields.msgid) {
      const entry = {
        context: fields.msgctxt ?? null,
        singular: fields.msgid,
        plural: fields.msgid_plural ?? null,
        translation: fields.msgstr ?? fields['msgstr[0]'] ?? ''
      };
      entries.set(keyOf(entry), entry);
    }
  }
  return entries;
}

/** Write a .po file, in the order of the messages. */
export function writePo(entries) {
  const header = Object.entries(HEADER).map(([name, value]) => JSON.stringify(`${name}: ${value}\n`));
  const blocks = [['msgid ""', 'msgstr ""', ...header].join('\n')];
  for (const { context, singular, plural, translation, paths } of entries) {
    const lines = [...paths].sort().map(path => `#: ${path}`);
    if (context !== null) {
      lines.push(`msgctxt ${JSON.stringify(context)}`);
    }
    lines.push(`msgid ${JSON.stringify(singular)}`);
    if (plural === null) {
      lines.push(`msgstr ${JSON.stringify(translation)}`);
    } else {
      lines.push(`msgid_plural ${JSON.stringify(plural)}`, `msgstr[0] ${JSON.stringify(translation)}`);
    }
    blocks.push(lines.join('\n'));
  }
  return blocks.join('\n\n') + '\n';
}

/** Give what JupyterLab's server reads (jupyterlab_server/translation_utils.py). */
export function compile(entries) {
  const messages = {
    '': {
      domain: 'jupyter_lcc',
      language: HEADER.Language.replace('_', '-'), // as JupyterLab looks it up
      plural_forms: HEADER['Plural-Forms']
    }
  };
  for (const entry of entries) {
    if (entry.translation) {
      // Korean has one plural form; JupyterLab's reader takes an entry for a plural only if it has two.
      messages[keyOf(entry)] =
        entry.plural === null ? [entry.translation] : [entry.translation, entry.translation];
    }
  }
  return messages;
}
