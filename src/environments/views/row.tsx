import { caretDownIcon, caretRightIcon, ellipsesIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Environment, Job } from '../../api/generated';
import { newNotebookIcon } from '../../icons';
import type { Speech } from '../../idle/words';
import { fractionOf } from '../../jobs/states';
import { stateOf, titleOf } from '../../jobs/words';
import { ProgressBar } from '../../jobs/views/progress';
import {
  adviceWords,
  channelName,
  makerWords,
  persistenceWords,
  runningWords,
  statusWords,
  summaryWords,
  tabWords
} from '../words';
import { TABS, type Tab } from '../workbench';

export interface IRowProps {
  environment: Environment;
  /** What is being done to it. */
  job: Job | null;
  open: boolean;
  tab: Tab;
  pending: boolean;
  /** Whether anything can be changed on this server at all. */
  canChange: boolean;
  speech: Speech;
  onToggle(name: string): void;
  onTab(name: string, tab: Tab): void;
  onOpenNotebook(kernel: string): void;
  onMenu(environment: Environment, anchor: HTMLElement): void;
  onKernel(environment: Environment, on: boolean): void;
  onCancel(jobId: string): void;
  onLog(jobId: string): void;
  children?: React.ReactNode;
}

/** One environment: closed a few words, open all of it. */
export function Row(props: IRowProps): JSX.Element {
  const { environment, job, open, speech, onToggle, onOpenNotebook, onMenu, children } = props;
  const { trans } = speech;
  const { name, kernel, status } = environment;
  const bodyId = `jp-Lcc-env-${name}`;
  const Caret = open ? caretDownIcon : caretRightIcon;
  const openLabel = trans.__('Open notebook with this kernel: %1', kernel?.display_name ?? name);
  const moreLabel = trans.__('More for %1', name);
  return (
    <li className={`jp-Lcc-row jp-Lcc-env jp-mod-${status}`} data-target={`environment:${name}`}>
      <div className="jp-Lcc-rowTop">
        <button
          className="jp-Lcc-envToggle"
          aria-expanded={open}
          aria-controls={open ? bodyId : undefined}
          title={environment.prefix}
          onClick={() => onToggle(name)}
        >
          <Caret.react tag="span" className="jp-Lcc-caret" />
          <span className="jp-Lcc-nameText">{name}</span>
        </button>
        <span className="jp-Lcc-buttons">
          {kernel && (
            <button
              className="jp-Lcc-iconButton"
              aria-label={openLabel}
              title={openLabel}
              onClick={() => onOpenNotebook(kernel.spec_name)}
            >
              <newNotebookIcon.react tag="span" />
            </button>
          )}
          <button
            className="jp-Lcc-iconButton"
            aria-label={moreLabel}
            title={moreLabel}
            aria-haspopup="menu"
            onClick={event => onMenu(environment, event.currentTarget)}
          >
            <ellipsesIcon.react tag="span" />
          </button>
        </span>
      </div>
      <p className="jp-Lcc-envSummary">{summaryWords(speech, environment)}</p>
      <Marks environment={environment} speech={speech} />
      {job && <Doing job={job} speech={speech} onCancel={props.onCancel} onLog={props.onLog} />}
      {open && (
        <div className="jp-Lcc-envBody" id={bodyId}>
          <Facts {...props} />
          <Tabs {...props} />
          <div
            role="tabpanel"
            id={`${bodyId}-panel`}
            aria-labelledby={`${bodyId}-${props.tab}`}
            className="jp-Lcc-tabPanel"
          >
            {children}
          </div>
        </div>
      )}
    </li>
  );
}

/** What a person should see without opening it. */
function Marks({ environment, speech }: Pick<IRowProps, 'environment' | 'speech'>): JSX.Element | null {
  const { trans } = speech;
  const status = statusWords(speech, environment);
  const marks = [
    ...(status === null ? [] : [{ text: status, kind: environment.status === 'frozen' ? 'quiet' : 'bad' }]),
    ...(environment.persistent === false
      ? [{ text: persistenceWords(speech, environment), kind: 'warn' }]
      : []),
    ...(environment.running_kernels.length > 0
      ? [
          {
            text: trans.__('Runs: %1', runningWords(speech, environment.running_kernels)),
            kind: 'good'
          }
        ]
      : [])
  ];
  return marks.length === 0 ? null : (
    <ul className="jp-Lcc-marks">
      {marks.map(({ text, kind }) => (
        <li key={text} className={`jp-mod-${kind}`}>
          {text}
        </li>
      ))}
    </ul>
  );
}

interface IDoingProps {
  job: Job;
  speech: Speech;
  onCancel(jobId: string): void;
  onLog(jobId: string): void;
}

/** What is being done, and how far it is. */
export function Doing({ job, speech, onCancel, onLog }: IDoingProps): JSX.Element {
  const { trans } = speech;
  const title = titleOf(speech, job);
  const state = stateOf(speech, job);
  return (
    <div className="jp-Lcc-doing">
      <ProgressBar fraction={fractionOf(job)} label={title} text={state} />
      <div className="jp-Lcc-jobButtons">
        <span className="jp-Lcc-hint">{state}</span>
        <span className="jp-Lcc-buttons">
          <button
            className="jp-Lcc-link"
            aria-label={trans.__('Log of %1', title)}
            onClick={() => onLog(job.id)}
          >
            {trans.__('Log')}
          </button>
          <button
            className="jp-Lcc-link"
            disabled={job.cancelling}
            aria-label={trans.__('Cancel %1', title)}
            onClick={() => onCancel(job.id)}
          >
            {trans.__('Cancel')}
          </button>
        </span>
      </div>
    </div>
  );
}

function Facts({ environment, canChange, pending, job, speech, onKernel }: IRowProps): JSX.Element {
  const { trans } = speech;
  const { kernel, size_bytes, own_bytes, channels } = environment;
  const advice = adviceWords(speech, environment);
  const theirs = kernel !== null && !kernel.ours;
  return (
    <dl className="jp-Lcc-facts">
      <dt>{trans.__('Kernel')}</dt>
      <dd>
        <label className="jp-Lcc-never">
          <input
            type="checkbox"
            role="switch"
            className="jp-Lcc-switch"
            checked={kernel !== null}
            disabled={!canChange || pending || job !== null || theirs}
            aria-label={trans.__('Register %1 as a kernel', environment.name)}
            onChange={event => onKernel(environment, event.target.checked)}
          />
          {kernel?.display_name ?? trans.__('not registered')}
        </label>
        {theirs && <p className="jp-Lcc-hint">{trans.__('Registered by others, who also take it away.')}</p>}
      </dd>
      <dt>{trans.__('Size')}</dt>
      <dd>
        {size_bytes === null
          ? trans.__('being measured')
          : own_bytes === null
            ? speech.bytes(size_bytes)
            : trans.__(
                '%1, of which deleting it frees %2',
                speech.bytes(size_bytes),
                speech.bytes(own_bytes)
              )}
      </dd>
      {(environment.persistent !== true || advice !== null) && (
        <>
          <dt>{trans.__('Restart')}</dt>
          <dd>
            {persistenceWords(speech, environment)}
            {advice !== null && <p className="jp-Lcc-hint">{advice}</p>}
          </dd>
        </>
      )}
      <dt>{trans.__('Folder')}</dt>
      <dd className="jp-Lcc-oneLine" title={environment.prefix}>
        {environment.prefix}
      </dd>
      <dt>{trans.__('Made by')}</dt>
      <dd>
        {makerWords(speech, environment)}
        {channels.length > 0 && ` · ${channels.map(channelName).join(', ')}`}
      </dd>
    </dl>
  );
}

/** The tabs, as WAI-ARIA has them: arrows go from one to the next. */
function Tabs({ environment: { name }, tab, speech, onTab }: IRowProps): JSX.Element {
  const bodyId = `jp-Lcc-env-${name}`;
  const onKeyDown = (event: React.KeyboardEvent<HTMLElement>): void => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const next = TABS[(TABS.indexOf(tab) + step + TABS.length) % TABS.length] ?? tab;
      onTab(name, next);
      event.currentTarget.querySelector<HTMLElement>(`[data-tab=${next}]`)?.focus();
    }
  };
  return (
    <div
      className="jp-Lcc-tabs"
      role="tablist"
      aria-label={speech.trans.__('Parts of %1', name)}
      onKeyDown={onKeyDown}
    >
      {TABS.map(each => (
        <button
          key={each}
          id={`${bodyId}-${each}`}
          data-tab={each}
          role="tab"
          aria-selected={each === tab}
          aria-controls={each === tab ? `${bodyId}-panel` : undefined}
          tabIndex={each === tab ? 0 : -1}
          onClick={() => onTab(name, each)}
        >
          {tabWords(speech, each)}
        </button>
      ))}
    </div>
  );
}
