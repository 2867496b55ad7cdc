import * as React from 'react';

import type { SyncWish } from '../../api/client';
import { asLccError } from '../../api/errors';
import type { Job, ListDiff } from '../../api/generated';
import { PackageInput } from '../../environments/views/packageInput';
import { PlanView } from '../../environments/views/plan';
import type { Speech } from '../../idle/words';
import { failureOf, stateOf } from '../../jobs/words';
import { Busy, Failure, SheetFrame, useAlive } from '../../sheet';
import { problemWords } from '../problems';
import { driftWords, refusalsOf } from '../words';

interface ISyncSheetProps {
  name: string;
  speech: Speech;
  diff(keep: readonly string[] | null): Promise<ListDiff>;
  /** Choose versions where the list has no lock for this machine; null: it is done already. */
  solve(): Promise<Job | null>;
  sync(wish: SyncWish): Promise<void>;
  onClose(): void;
}

/** What a sync would do, before it is done: exactly this, or it is asked again. */
export function SyncSheet({ name, speech, diff: ask, solve, sync, onClose }: ISyncSheetProps): JSX.Element {
  const { trans } = speech;
  const [diff, setDiff] = React.useState<ListDiff | null>(null);
  /** What a person wants to keep; null: as last time. */
  const [keep, setKeep] = React.useState<readonly string[] | null>(null);
  const [asking, setAsking] = React.useState(true);
  const [busy, setBusy] = React.useState(false);
  const [changed, setChanged] = React.useState(false);
  const [problem, setProblem] = React.useState<string | null>(null);
  const [attempt, setAttempt] = React.useState(0);
  const alive = useAlive();
  React.useEffect(() => {
    let meant = true;
    const isMeant = (): boolean => meant && alive.current;
    const look = async (): Promise<void> => {
      let answer = await ask(keep);
      // Again where the list has changed meanwhile.
      while (isMeant() && answer.to_solve) {
        setDiff(answer);
        const job = await solve();
        if (isMeant() && job !== null && job.state !== 'succeeded') {
          setProblem(failureOf(speech, job) ?? stateOf(speech, job));
          return;
        }
        answer = await ask(keep);
      }
      if (isMeant()) {
        setDiff(answer);
      }
    };
    setAsking(true);
    setProblem(null);
    look()
      .catch(reason => isMeant() && setProblem(problemWords(speech, asLccError(reason))))
      .finally(() => isMeant() && setAsking(false));
    return () => {
      meant = false;
    };
  }, [name, keep, attempt]);
  const nothing =
    diff !== null &&
    !diff.to_solve &&
    diff.add.length + diff.change.length + diff.remove.length === 0 &&
    keep === null;
  const refused = diff !== null && diff.refused.length > 0;
  const doIt = async (): Promise<void> => {
    if (diff === null || diff.to_solve || busy || asking || nothing || refused) {
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      await sync({ etag: diff.etag, plan_hash: diff.plan_hash, keep: keep === null ? null : [...keep] });
      onClose();
    } catch (reason) {
      const error = asLccError(reason);
      if (!alive.current) {
        return;
      }
      setBusy(false);
      const now = error.code === 'conflict' ? error.detail['diff'] : undefined;
      if (typeof now === 'object' && now !== null) {
        setDiff(now as ListDiff);
        setChanged(true);
      } else {
        setProblem(problemWords(speech, error));
      }
    }
  };
  const solving = trans.__(
    'The list has no lock for %1: choosing versions for this machine first…',
    diff?.platform ?? ''
  );
  return (
    <SheetFrame
      title={trans.__('What a sync would do to %1', name)}
      speech={speech}
      busy={busy || asking}
      onClose={onClose}
      onSubmit={() => void doIt()}
      footer={
        <>
          <span className="jp-Lcc-spacer" />
          <button type="button" className="jp-Lcc-button" data-first onClick={onClose}>
            {nothing || refused ? trans.__('Close') : trans.__('Cancel')}
          </button>
          {problem !== null && (
            <button type="button" className="jp-Lcc-button" onClick={() => setAttempt(attempt + 1)}>
              {trans.__('Try again')}
            </button>
          )}
          {!nothing && !refused && (
            <button
              type="submit"
              className="jp-Lcc-button jp-mod-primary"
              disabled={diff === null || diff.to_solve || busy || asking}
            >
              {trans.__('Sync')}
            </button>
          )}
        </>
      }
    >
      {asking && (
        <Busy text={diff?.to_solve ? solving : trans.__('Comparing the list with what is installed…')} />
      )}
      {busy && <Busy text={trans.__('Beginning…')} />}
      {changed && (
        <p className="jp-Lcc-warning" role="alert">
          {trans.__(
            'Something has changed in the meantime, so nothing was done. This is what a sync would do now.'
          )}
        </p>
      )}
      {diff && !diff.to_solve && <Shown diff={diff} speech={speech} />}
      {diff && !refused && (diff.remove.length > 0 || diff.keep.length > 0 || keep !== null) && (
        <Keep
          diff={diff}
          keep={keep ?? diff.keep}
          speech={speech}
          onKeep={wanted => {
            setChanged(false);
            setKeep(wanted);
          }}
        />
      )}
      {problem !== null && <Failure text={problem} />}
    </SheetFrame>
  );
}

function Shown({ diff, speech }: { diff: ListDiff; speech: Speech }): JSX.Element {
  const { trans } = speech;
  return (
    <>
      {diff.refused.length > 0 && (
        <div className="jp-Lcc-problems" role="alert">
          <p>{trans.__('Your administrator does not allow this list, so nothing is done:')}</p>
          <ul>
            {refusalsOf(speech, diff.refused).map(refusal => (
              <li key={refusal}>{refusal}</li>
            ))}
          </ul>
        </div>
      )}
      {diff.from_copy && (
        <p className="jp-Lcc-warning">
          {trans.__('The source does not answer. This is the list as it was read last.')}
        </p>
      )}
      {diff.solved_here && (
        <p className="jp-Lcc-warning">
          {trans.__(
            'No lock of the list holds for %1, so its versions were chosen here. Other machines may get others.',
            diff.platform
          )}
        </p>
      )}
      {diff.message !== '' && diff.refused.length === 0 && <p className="jp-Lcc-hint">{diff.message}</p>}
      {/* Its notes say in English what is said above and below of its fields. */}
      <PlanView plan={{ ...diff, notes: [] }} speech={speech} />
      {diff.changed.items.length > 0 && (
        <details className="jp-Lcc-details">
          <summary>{trans.__('Who changed what since the last sync')}</summary>
          <ul className="jp-Lcc-list">
            {diff.changed.items.map(item => (
              <li key={`${item.manager} ${item.name}`} className="jp-Lcc-changed">
                <b>{item.name}</b> {driftWords(speech, item)}
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

interface IKeepProps {
  diff: ListDiff;
  keep: readonly string[];
  speech: Speech;
  onKeep(keep: readonly string[]): void;
}

/** The packages that stay though the list does not have them. */
function Keep({ diff, keep, speech, onKeep }: IKeepProps): JSX.Element {
  const { trans } = speech;
  const complete = async (query: string): Promise<{ names: string[]; complete: boolean; why: null }> => ({
    names: diff.remove
      .map(({ name }) => name)
      .filter(name => name.startsWith(query.toLowerCase()) && !keep.includes(name)),
    complete: true,
    why: null
  });
  return (
    <details className="jp-Lcc-details" open={keep.length > 0}>
      <summary>{trans.__('Keep packages that are not in the list')}</summary>
      <PackageInput
        id="jp-Lcc-keep"
        label={trans.__('Packages to keep')}
        placeholder={trans.__('names of packages')}
        speech={speech}
        specs={keep}
        onAdd={names => onKeep([...new Set([...keep, ...names])])}
        onRemove={name => onKeep(keep.filter(other => other !== name))}
        complete={complete}
      />
      <p className="jp-Lcc-hint">
        {trans.__(
          'They stay in this environment, at later syncs too. What your administrator keeps stays in any case.'
        )}
      </p>
    </details>
  );
}
