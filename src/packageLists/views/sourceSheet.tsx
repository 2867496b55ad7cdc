import * as React from 'react';

import { asLccError } from '../../api/errors';
import type { AddSource } from '../../api/generated';
import type { Speech } from '../../idle/words';
import { Busy, Failure, SheetFrame, useAlive } from '../../sheet';
import { KINDS, placeOf, type Kind } from '../names';
import { problemWords } from '../problems';
import { kindWords, modeWords, placeHint } from '../words';

interface ISourceSheetProps {
  speech: Speech;
  add(body: AddSource): Promise<void>;
  onClose(): void;
}

const EXAMPLES: Readonly<Record<Kind, string>> = {
  directory: '/shared/team/lists',
  s3: 's3://team-bucket/lists',
  git: '/home/jo/team-lists'
};

const MODES = ['notify', 'apply', 'off'] as const;

/** Add a place lists are kept in. */
export function SourceSheet({ speech, add, onClose }: ISourceSheetProps): JSX.Element {
  const { trans } = speech;
  const [kind, setKind] = React.useState<Kind>('directory');
  const [typed, setTyped] = React.useState('');
  const [mode, setMode] = React.useState<AddSource['mode']>('notify');
  const [busy, setBusy] = React.useState(false);
  const [problem, setProblem] = React.useState<string | null>(null);
  const alive = useAlive();
  const place = placeOf(kind, typed);
  const send = async (): Promise<void> => {
    if (busy || place === '') {
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      await add({ place, mode });
      onClose();
    } catch (reason) {
      if (alive.current) {
        setBusy(false);
        setProblem(problemWords(speech, asLccError(reason)));
      }
    }
  };
  return (
    <SheetFrame
      title={trans.__('Add a source of package lists')}
      speech={speech}
      busy={busy}
      onClose={onClose}
      onSubmit={() => void send()}
      footer={
        <>
          <span className="jp-Lcc-spacer" />
          <button type="button" className="jp-Lcc-button" onClick={onClose}>
            {trans.__('Cancel')}
          </button>
          <button type="submit" className="jp-Lcc-button jp-mod-primary" disabled={busy || place === ''}>
            {trans.__('Add the source')}
          </button>
        </>
      }
    >
      <fieldset className="jp-Lcc-createForm" disabled={busy}>
        <div className="jp-Lcc-segments" role="radiogroup" aria-label={trans.__('Kind of source')}>
          {KINDS.map(each => (
            <label key={each} className={kind === each ? 'jp-mod-on' : ''}>
              <input
                type="radio"
                name="jp-Lcc-sourceKind"
                className="jp-Lcc-hidden"
                checked={kind === each}
                onChange={() => setKind(each)}
              />
              {kindWords(speech, each)}
            </label>
          ))}
        </div>
        <label className="jp-Lcc-label" htmlFor="jp-Lcc-sourcePlace">
          {trans.__('Place')}
        </label>
        <input
          id="jp-Lcc-sourcePlace"
          className="jp-Lcc-input jp-Lcc-wide"
          data-first
          autoCapitalize="none"
          autoComplete="off"
          spellCheck={false}
          maxLength={2000}
          placeholder={EXAMPLES[kind]}
          value={typed}
          aria-describedby="jp-Lcc-sourceHint"
          onChange={event => {
            setTyped(event.target.value);
            setProblem(null);
          }}
        />
        <p id="jp-Lcc-sourceHint" className="jp-Lcc-hint">
          {placeHint(speech, kind)}
        </p>
        <label className="jp-Lcc-label" htmlFor="jp-Lcc-sourceMode">
          {trans.__('At server start and every so often')}
        </label>
        <select
          id="jp-Lcc-sourceMode"
          className="jp-Lcc-input jp-Lcc-wide"
          value={mode}
          onChange={event => setMode(MODES.find(each => each === event.target.value) ?? 'notify')}
        >
          {MODES.map(each => (
            <option key={each} value={each}>
              {modeWords(speech, each)}
            </option>
          ))}
        </select>
      </fieldset>
      {busy && <Busy text={trans.__('Asking the source…')} />}
      {problem !== null && <Failure text={problem} />}
    </SheetFrame>
  );
}
