import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';

import type { ITranslator } from '@jupyterlab/translation';
import { nullTranslator } from '@jupyterlab/translation';

import { fetchMessages, loadMessages, localeOf } from '../i18n/messages';
import { VERSION } from '../version';
import { version } from '../../package.json';

function translatorOf(languageCode: string): ITranslator {
  return { languageCode, load: domain => nullTranslator.load(domain) };
}

describe('the messages', () => {
  it('are all translated into Korean, and no translation is left over', () => {
    const check = (): string =>
      execFileSync('node', ['scripts/messages.mjs', '--check'], {
        cwd: resolve(__dirname, '../..'),
        encoding: 'utf8'
      });
    expect(check).not.toThrow();
  });

  it.each(['ko', 'ko-KR', 'ko_KR'])('are Korean in %s without a language pack', async language => {
    await fetchMessages(translatorOf(language));
    const trans = loadMessages(translatorOf(language));
    expect(trans.__('Kernels and terminals')).toBe('커널과 터미널');
    expect(trans.__('stops %1', '17:40')).toBe('17:40 종료');
    expect(trans._n('%1 idle kernel is shut down.', '%1 idle kernels are shut down.', 3)).toBe(
      '유휴 커널 3개를 종료합니다.'
    );
    expect(trans._p('settings', 'Life cycle')).toBe('수명 주기');
  });

  it.each(['en', 'fr-FR', 'kok'])('are English in %s', language => {
    expect(loadMessages(translatorOf(language)).__('Kernels and terminals')).toBe('Kernels and terminals');
  });

  it('leave a language pack that has them alone', () => {
    const pack = { ...nullTranslator.load('x'), __: () => 'of the pack' };
    expect(loadMessages({ languageCode: 'ko', load: () => pack })).toBe(pack);
  });
});

describe('localeOf', () => {
  it('takes the browser’s kind of the same language, else the language', () => {
    expect(localeOf(translatorOf('en'), 'en-GB')).toBe('en-GB');
    expect(localeOf(translatorOf('ko-KR'), 'en-GB')).toBe('ko-KR');
    expect(localeOf(null, 'de-DE')).toBe('en');
  });
});

describe('the version', () => {
  it('is that of package.json', () => {
    expect(VERSION).toBe(version);
  });
});
