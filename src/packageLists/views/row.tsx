import { caretDownIcon, caretRightIcon, ellipsesIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Environment, Job, ListState, SourceState } from '../../api/generated';
import { Doing } from '../../environments/views/row';
import { runningWords } from '../../environments/words';
import type { Speech } from '../../idle/words';
import {
  driftWords,
  modeWords,
  publishedWords,
  refusalsOf,
  statusWords,
  summaryWords,
  type Grade
} from '../words';

interface IListRowProps {
  list: ListState;
  source: SourceState | null;
  /** The environment, where it is there and known. */
  environment: Environment | null;
  /** What is being done to it. */
  job: Job | null;
  /** The last publishing, where somebody else was first. */
  raced: Job | null;
  open: boolean;
  canChange: boolean;
  speech: Speech;
  now: Date;
  onToggle(): void;
  onMenu(anchor: HTMLElement): void;
  onSync(): void;
  onHistory(): void;
  onEdit(): void;
  onBoth(job: Job): void;
  onCancel(jobId: string): void;
  onLog(jobId: string): void;
}

/** How many changed packages are named in the panel; the sheet has all. */
const MOST_NAMED = 5;

/** One list: closed how it stands, open all of it. */
export function ListRow(props: IListRowProps): JSX.Element {
  const { list, job, raced, open, canChange, speech, onToggle, onMenu, onSync, onEdit, onBoth } = props;
  const { trans } = speech;
  const { name, status } = list;
  const bodyId = `jp-Lcc-list-${name}`;
  const Caret = open ? caretDownIcon : caretRightIcon;
  const moreLabel = trans.__('More for %1', name);
  const canSync = !['in_sync', 'invalid', 'unreachable', 'syncing'].includes(status);
  return (
    <li className={`jp-Lcc-row jp-Lcc-listRow jp-mod-${status}`} data-target={`list:${name}`}>
      <div className="jp-Lcc-rowTop">
        <button
          className="jp-Lcc-envToggle"
          aria-expanded={open}
          aria-controls={open ? bodyId : undefined}
          onClick={onToggle}
        >
          <Caret.react tag="span" className="jp-Lcc-caret" />
          <span className="jp-Lcc-nameText">{name}</span>
        </button>
        <span className="jp-Lcc-buttons">
          <button
            className="jp-Lcc-iconButton"
            aria-label={moreLabel}
            title={moreLabel}
            aria-haspopup="menu"
            onClick={event => onMenu(event.currentTarget)}
          >
            <ellipsesIcon.react tag="span" />
          </button>
        </span>
      </div>
      <p className="jp-Lcc-envSummary">{summaryWords(speech, list)}</p>
      <Marks {...props} />
      {job && <Doing job={job} speech={speech} onCancel={props.onCancel} onLog={props.onLog} />}
      {raced && job === null && (
        <div className="jp-Lcc-problems" role="status">
          <p>{raced.error?.message}</p>
          <button className="jp-Lcc-button" onClick={() => onBoth(raced)}>
            {trans.__('Show both sides')}
          </button>
        </div>
      )}
      {job === null && canSync && (
        <button
          className="jp-Lcc-button jp-Lcc-listAct"
          aria-label={trans.__('Preview sync of %1', name)}
          disabled={!canChange}
          onClick={onSync}
        >
          {trans.__('Preview sync')}
        </button>
      )}
      {status === 'invalid' && (
        <button className="jp-Lcc-button jp-Lcc-listAct" disabled={!canChange} onClick={onEdit}>
          {trans.__('Edit %1', name)}
        </button>
      )}
      {open && (
        <div className="jp-Lcc-envBody" id={bodyId}>
          <Facts {...props} />
          <Changed {...props} />
        </div>
      )}
    </li>
  );
}

/** What a person should see without opening it. */
function Marks({ list, environment, speech }: IListRowProps): JSX.Element {
  const { trans } = speech;
  const { text, grade } = statusWords(speech, list);
  const marks: { text: string; kind: Grade }[] = [{ text, kind: grade }];
  if (list.from_copy) {
    marks.push({ text: trans.__('Source unreachable: the list as read last is used'), kind: 'warn' });
  }
  for (const refusal of refusalsOf(speech, list.refused).slice(0, MOST_NAMED)) {
    marks.push({ text: refusal, kind: 'bad' });
  }
  if (list.message !== '' && list.refused.length === 0) {
    marks.push({ text: list.message, kind: 'quiet' });
  }
  if (list.required) {
    marks.push({ text: trans.__('Required by your administrator'), kind: 'quiet' });
  }
  const running = environment?.running_kernels ?? list.running_kernels;
  if (running.length > 0) {
    marks.push({ text: trans.__('Runs: %1', runningWords(speech, running)), kind: 'good' });
  }
  return (
    <ul className="jp-Lcc-marks">
      {marks.map(each => (
        <li key={each.text} className={`jp-mod-${each.kind}`}>
          {each.text}
        </li>
      ))}
    </ul>
  );
}

function Facts({ list, source, speech, now, onHistory }: IListRowProps): JSX.Element {
  const { trans } = speech;
  const { revision, synced_at, synced_revision, set_hash, wanted_hash, keep, checked_at, platforms } = list;
  return (
    <dl className="jp-Lcc-facts">
      <dt>{trans.__('Source')}</dt>
      <dd className="jp-Lcc-oneLine" title={source?.place}>
        {source?.place ?? list.source}
      </dd>
      <dt>{trans.__('Environment')}</dt>
      <dd>{list.environment}</dd>
      <dt>{trans.__('Revision')}</dt>
      <dd>
        {revision === null
          ? trans.__('none')
          : `${revision.number} · ${publishedWords(speech, revision, now)}`}
        {revision !== null && revision.message !== '' && <p className="jp-Lcc-hint">{revision.message}</p>}
        {revision !== null && (
          <button
            className="jp-Lcc-link"
            aria-label={trans.__('History of %1', list.name)}
            onClick={onHistory}
          >
            {trans.__('History')}
          </button>
        )}
      </dd>
      <dt>{trans.__('Synced')}</dt>
      <dd>
        {synced_at === null
          ? trans.__('never on this machine')
          : synced_revision === null
            ? speech.clock(synced_at, now)
            : trans.__('%1, to revision %2', speech.clock(synced_at, now), synced_revision)}
      </dd>
      <dt>{trans.__('Automatically')}</dt>
      <dd>{modeWords(speech, list.mode)}</dd>
      {platforms.length > 0 && (
        <>
          <dt>{trans.__('Locked for')}</dt>
          <dd>{platforms.join(', ')}</dd>
        </>
      )}
      {keep.length > 0 && (
        <>
          <dt>{trans.__('Kept')}</dt>
          <dd>{keep.join(', ')}</dd>
        </>
      )}
      {wanted_hash !== null && (
        <>
          <dt>{trans.__('Package set')}</dt>
          <dd>
            <code className="jp-Lcc-said" title={wanted_hash}>
              {shortHash(wanted_hash)}
            </code>
            <p className="jp-Lcc-hint">
              {set_hash === null
                ? trans.__('not installed here')
                : set_hash === wanted_hash
                  ? trans.__('as installed here')
                  : trans.__('installed here is %1', shortHash(set_hash))}
            </p>
          </dd>
        </>
      )}
      {checked_at !== null && (
        <>
          <dt>{trans.__('Last read')}</dt>
          <dd>{speech.clock(checked_at, now)}</dd>
        </>
      )}
    </dl>
  );
}

/** Who changed what since the last sync, as far as it can be told. */
function Changed({ list, speech }: IListRowProps): JSX.Element | null {
  const { trans } = speech;
  const { items, known } = list.changed;
  if (items.length === 0) {
    return !known && list.status === 'drifted' ? (
      <p className="jp-Lcc-hint">
        {trans.__('Who changed what can’t be told: this environment was never synced.')}
      </p>
    ) : null;
  }
  return (
    <div>
      <h3 className="jp-Lcc-listHeading">{trans.__('Since the last sync')}</h3>
      <ul className="jp-Lcc-list">
        {items.slice(0, MOST_NAMED).map(item => (
          <li key={`${item.manager} ${item.name}`} className="jp-Lcc-changed">
            <b>{item.name}</b> {driftWords(speech, item)}
          </li>
        ))}
      </ul>
      {items.length > MOST_NAMED && (
        <p className="jp-Lcc-hint">
          {trans._n('and %1 more package', 'and %1 more packages', items.length - MOST_NAMED)}
        </p>
      )}
    </div>
  );
}

function shortHash(hash: string): string {
  return hash.replace(/^sha256:/, '').slice(0, 10);
}
