import { nullTranslator, type ITranslator } from '@jupyterlab/translation';

import { aMachine, aStopped, aView, NOW, speechInEnglish } from '../../__tests__/fakes';
import { fetchMessages, loadMessages } from '../../i18n/messages';
import * as words from '../words';

const now = new Date(NOW);
const english = speechInEnglish();
const translator: ITranslator = { languageCode: 'ko_KR', load: domain => nullTranslator.load(domain) };
let inKorean = english;

beforeAll(async () => {
  await fetchMessages(translator);
  inKorean = new words.Speech(loadMessages(translator), 'ko-KR');
});

/** Every code the server sends, with what goes into it. */
const SENTENCES = {
  configured_off: {},
  way_unknown: {},
  metadata_incomplete: { missing: 'DomainId' },
  hub_gave_no_token: {},
  left_to_native: { missing: 'sagemaker:DeleteApp' },
  permission_missing: { action: 'sagemaker:DeleteApp', resource: 'arn:aws:1' },
  request_failed: { action: 'sagemaker:DeleteApp', error: 'ThrottlingException: slow down' },
  hub_scope_missing: { scope: 'delete:servers!server' },
  hub_refused: { answer: '500: broken' },
  hub_unreachable: { error: 'timed out' },
  command_not_run: { command: 'stop-it', error: 'No such file' },
  command_too_slow: { command: 'stop-it', seconds: '60' },
  command_failed: { command: 'stop-it', status: '3', error: 'no' },
  no_answer: { seconds: '75' },
  still_running: { requested_at: '2026-11-21T10:00:00Z' },
  kernel_silent: {},
  kernel_answered: { answer: 'NameError' },
  not_listed: { error: 'broken pipe' },
  no_time: {},
  too_many: { count: '1000' },
  page_silent: {}
} as const;

describe('sentences of the server', () => {
  it.each(Object.entries(SENTENCES))(
    '%s is said in the reader’s language, with its words',
    (code, detail) => {
      const sentence = { code, detail };
      const told = words.sentenceOf(english, sentence, 'THE SERVER’S OWN');
      const toldInKorean = words.sentenceOf(inKorean, sentence, 'THE SERVER’S OWN');
      expect(told).not.toBe('THE SERVER’S OWN');
      expect(toldInKorean).toMatch(/[가-힣]/);
      for (const said of [told, toldInKorean]) {
        expect(said).not.toMatch(/%\d|\?$/);
        for (const [name, word] of Object.entries(detail)) {
          if (!['seconds', 'requested_at'].includes(name)) {
            expect(said).toContain(word);
          }
        }
      }
    }
  );

  it('are the server’s own where the code is new, or there is none', () => {
    expect(words.sentenceOf(inKorean, { code: 'of_next_year', detail: {} }, 'It snows.')).toBe('It snows.');
    expect(words.sentenceOf(inKorean, null, 'It snows.')).toBe('It snows.');
    expect(words.sentenceOf(inKorean, undefined, 'It snows.')).toBe('It snows.');
  });

  it('reach the panel: the machine that can’t be stopped, the try that failed, what was lost and not saved', () => {
    const no = (code: string, detail = {}) => ({ code, detail });
    const stop = {
      means: 'none',
      available: false,
      why_not: 'ENGLISH',
      why_not_sentence: no('hub_gave_no_token')
    } as const;
    expect(words.whyNotStoppedOf(inKorean, aMachine({ stop }))).toMatch(/JUPYTERHUB_API_TOKEN/);
    expect(words.whyNotStoppedOf(inKorean, aMachine({ stop }))).not.toContain('ENGLISH');
    const machine = aMachine({
      stop_error: 'ENGLISH',
      stop_error_sentence: no('hub_unreachable', { error: 'x' })
    });
    expect(words.stopErrorOf(inKorean, aView([], { machine }), now)).not.toContain('ENGLISH');
    const native = {
      ...stop,
      means: 'native_idle',
      available: true,
      why_not_sentence: no('left_to_native', { missing: 'a:B' })
    } as const;
    const left = words.machineFateOf(inKorean, aView([], { machine: aMachine({ stop: native }) }));
    expect(left).toContain('a:B');
    expect(left).not.toContain('ENGLISH');
    const manifest = { variables: [], complete: false, why_not: 'ENGLISH', why_not_sentence: no('no_time') };
    expect(words.lossOf(inKorean, aStopped({ manifest }))).not.toContain('ENGLISH');
    const [document] = aStopped().documents;
    const unsaved = {
      ...document!,
      result: 'failed',
      message: 'ENGLISH',
      message_sentence: no('page_silent')
    } as const;
    expect(words.savedOf(inKorean, unsaved)).not.toContain('ENGLISH');
  });
});
