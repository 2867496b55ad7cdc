import type { ITranslator, TranslationBundle } from '@jupyterlab/translation';
import { Gettext, nullTranslator } from '@jupyterlab/translation';

type Catalogue = typeof import('./ko.json');

/** Our domain of messages. */
export const DOMAIN = 'jupyter_lcc';

let korean: Catalogue | null = null;

/**
 * Load the messages of the interface's language, if it is one we ship. Without them it is English.
 */
export async function fetchMessages(translator: ITranslator | null): Promise<void> {
  if (korean === null && isKorean(translator?.languageCode ?? 'en')) {
    try {
      korean = (await import(/* webpackChunkName: "korean" */ './ko.json')) as Catalogue;
    } catch (reason) {
      console.warn('jupyter-lcc: the Korean messages can’t be loaded', reason);
    }
  }
}

/**
 * Give our messages in the language of the user interface.
 *
 * JupyterLab serves an extension's messages only where a whole language pack of that language is installed
 * (jupyterlab_server/translation_utils.py:get_language_pack). Korean is shipped with us, so it is also there
 * without the pack.
 */
export function loadMessages(translator: ITranslator | null): TranslationBundle {
  const given = (translator ?? nullTranslator).load(DOMAIN);
  const language = translator?.languageCode ?? 'en';
  if (korean === null || !isKorean(language) || isTranslated(given)) {
    return given;
  }
  const { plural_forms: pluralForms, language: locale } = korean[''];
  const own = new Gettext({ domain: DOMAIN, locale });
  own.loadJSON({ ...korean, '': { domain: DOMAIN, language: locale, pluralForms } }, DOMAIN);
  return own;
}

/**
 * Give the locale times are written in: the browser's if it speaks the interface's language, so that a
 * British reader of the English interface gets 17:40.
 */
export function localeOf(translator: ITranslator | null, ofBrowser: string = navigator.language): string {
  const language = (translator?.languageCode ?? 'en').replace('_', '-');
  return sameLanguage(language, ofBrowser) ? ofBrowser : language;
}

function isKorean(language: string): boolean {
  return sameLanguage(language, 'ko');
}

function isTranslated(trans: TranslationBundle): boolean {
  return trans.__('Life cycle') !== 'Life cycle';
}

function sameLanguage(one: string, other: string): boolean {
  const [first] = one.toLowerCase().split(/[-_]/);
  const [second] = other.toLowerCase().split(/[-_]/);
  return first === second;
}
