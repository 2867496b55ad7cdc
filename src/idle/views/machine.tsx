import { caretDownIcon, caretRightIcon, settingsIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { IdleView, Lease, Target } from '../../api/generated';
import { shutDownIcon } from '../../icons';
import { HOUR_SECONDS, keepChoices, MACHINE } from '../targets';
import {
  costOf,
  countdownOf,
  dueOf,
  headlineOf,
  machineFateOf,
  problemOf,
  stopErrorOf,
  whyNotStoppedOf,
  type Due,
  type Speech
} from '../words';
import { Holders } from './holders';
import { Why } from './why';

export interface IMachineProps {
  view: IdleView;
  now: Date;
  speech: Speech;
  pending: ReadonlySet<string>;
  limitsOpen: boolean;
  whyOpen: boolean;
  holdersOpen: boolean;
  find(targetId: string): Target | null;
  onKeep(targetId: string, seconds: number): void;
  onEndLease(leaseId: string): void;
  onLimits(): void;
  onWhy(targetId: string): void;
  onHolders(): void;
  onGo(targetId: string): void;
  onStop(): void;
}

const WHY_ID = 'jp-Lcc-why-instance';
const HOLDERS_ID = 'jp-Lcc-holders';

/** A failed stop is told in a sentence of its own. */
const STOP_PROBLEM = 'machine_stop_failed';

const CHOICES = [1, 4, 8].map(hours => hours * HOUR_SECONDS);

/** The machine as a whole: one honest sentence, what comes next, and a way to keep everything on. */
export function Machine(props: IMachineProps): JSX.Element {
  const { view, now, speech, limitsOpen, whyOpen, holdersOpen, onLimits, onWhy, onHolders } = props;
  const { trans } = speech;
  const { lease } = view.instance;
  const { stop, stop_requested_at: requestedAt, cost } = view.machine;
  const fate = machineFateOf(speech, view);
  const price = cost && costOf(speech, cost);
  const whyNotStopped = whyNotStoppedOf(speech, view.machine);
  return (
    <div className="jp-Lcc-machine">
      <p className="jp-Lcc-headline">{headlineOf(speech, view, now)}</p>
      {view.mode === 'enforce' && requestedAt === null && <Countdowns {...props} due={dueOf(view)} />}
      {fate && <p className="jp-Lcc-hint">{fate}</p>}
      <Unhealthy {...props} />
      {price && (
        <p className="jp-Lcc-cost" title={price.title}>
          {price.text}
        </p>
      )}
      {view.mode !== 'off' && (lease ? <Kept {...props} lease={lease} /> : <KeepAll {...props} />)}
      <div className="jp-Lcc-choices">
        <button className="jp-Lcc-button" aria-expanded={limitsOpen} onClick={onLimits}>
          <settingsIcon.react tag="span" className="jp-Lcc-buttonIcon" />
          {trans.__('Limits')}
        </button>
        {stop.available && (
          <button
            className="jp-Lcc-button"
            disabled={props.pending.has(MACHINE) || requestedAt !== null}
            onClick={props.onStop}
          >
            <shutDownIcon.react tag="span" className="jp-Lcc-buttonIcon" />
            {trans.__('Stop the machine')}
          </button>
        )}
      </div>
      <div className="jp-Lcc-disclosures">
        <button
          className="jp-Lcc-link"
          aria-expanded={holdersOpen}
          aria-controls={holdersOpen ? HOLDERS_ID : undefined}
          onClick={onHolders}
        >
          <Caret open={holdersOpen} />
          {trans.__('Who keeps this machine on?')}
        </button>
        {holdersOpen && <Holders {...props} id={HOLDERS_ID} holders={view.keeps_on} />}
        <button
          className="jp-Lcc-link"
          aria-expanded={whyOpen}
          aria-controls={whyOpen ? WHY_ID : undefined}
          onClick={() => onWhy(MACHINE)}
        >
          <Caret open={whyOpen} />
          {trans.__('And the machine itself?')}
        </button>
        {whyOpen && whyNotStopped && <p className="jp-Lcc-hint">{whyNotStopped}</p>}
        {whyOpen && <Why id={WHY_ID} target={view.instance} mode={view.mode} now={now} speech={speech} />}
      </div>
    </div>
  );
}

function Caret({ open }: { open: boolean }): JSX.Element {
  const Icon = open ? caretDownIcon : caretRightIcon;
  return <Icon.react tag="span" className="jp-Lcc-caret" />;
}

/** Who stops next, and the machine, each with what is left. */
function Countdowns({ due, now, speech }: IMachineProps & { due: readonly Due[] }): JSX.Element | null {
  return due.length === 0 ? null : (
    <ul className="jp-Lcc-list jp-Lcc-countdowns">
      {due.map(target => {
        const { name, left } = countdownOf(speech, target, now);
        return (
          <li key={target.kind === 'instance' ? MACHINE : 'next'}>
            <span className="jp-Lcc-countdownName">{name}</span>
            <span className="jp-Lcc-countdown" role="timer" aria-live="off" aria-label={name}>
              {left}
            </span>
          </li>
        );
      })}
    </ul>
  );
}

function Unhealthy({ view, now, speech }: IMachineProps): JSX.Element | null {
  const { trans } = speech;
  const { healthy } = view.monitor;
  const stopError = stopErrorOf(speech, view, now);
  const problems = view.monitor.problems.filter(({ code }) => stopError === null || code !== STOP_PROBLEM);
  if (healthy && problems.length === 0 && stopError === null) {
    return null;
  }
  return (
    <div className="jp-Lcc-problems" role="group" aria-label={trans.__('Problems')}>
      {stopError && <p>{stopError}</p>}
      {!healthy && problems.length === 0 && stopError === null && (
        <p>{trans.__('The checks do not run as they should.')}</p>
      )}
      {problems.map(problem => (
        <p key={problem.code} title={problem.message}>
          {problemOf(speech, problem)}
        </p>
      ))}
    </div>
  );
}

function KeepAll({ view, speech, pending, onKeep }: IMachineProps): JSX.Element {
  const { trans } = speech;
  const longest = view.policy.max_lease_seconds.value;
  return (
    <div className="jp-Lcc-keepAll" role="group" aria-label={trans.__('Keep everything on')}>
      <span className="jp-Lcc-label">{trans.__('Keep everything on')}</span>
      <span className="jp-Lcc-choices">
        {keepChoices(CHOICES, longest).map(seconds => (
          <button
            key={seconds}
            className="jp-Lcc-button"
            disabled={pending.has(MACHINE)}
            aria-label={trans.__('Keep everything on for %1', speech.exactDuration(seconds))}
            onClick={() => onKeep(MACHINE, seconds)}
          >
            {speech.exactDuration(seconds)}
          </button>
        ))}
      </span>
      {longest < Math.max(...CHOICES) && (
        <span className="jp-Lcc-hint">
          {trans.__('The administrator allows at most %1.', speech.exactDuration(longest))}
        </span>
      )}
    </div>
  );
}

function Kept({ lease, now, speech, pending, onEndLease }: IMachineProps & { lease: Lease }): JSX.Element {
  const { trans } = speech;
  const until = speech.clock(lease.expires_at, now);
  return (
    <div className="jp-Lcc-kept">
      <span>
        {lease.note
          ? trans.__('Everything is kept on until %1 – %2', until, lease.note)
          : trans.__('Everything is kept on until %1.', until)}
      </span>
      <button className="jp-Lcc-button" disabled={pending.has(lease.id)} onClick={() => onEndLease(lease.id)}>
        {trans.__('End')}
      </button>
      {lease.clipped_by !== null && (
        <span className="jp-Lcc-hint">
          {trans.__('The administrator allows at most %1.', speech.exactDuration(lease.granted_seconds))}
        </span>
      )}
    </div>
  );
}
