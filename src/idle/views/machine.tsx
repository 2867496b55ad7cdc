import { settingsIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { IdleView, Lease } from '../../api/generated';
import { HOUR_SECONDS, keepChoices, MACHINE } from '../targets';
import { afterwardsOf, headlineOf, nextOf, problemOf, secondsUntil, type Speech } from '../words';
import { Why } from './why';

export interface IMachineProps {
  view: IdleView;
  now: Date;
  speech: Speech;
  pending: ReadonlySet<string>;
  limitsOpen: boolean;
  whyOpen: boolean;
  onKeep(targetId: string, seconds: number): void;
  onEndLease(leaseId: string): void;
  onLimits(): void;
  onWhy(targetId: string): void;
}

const WHY_ID = 'jp-Lcc-why-instance';

const CHOICES = [1, 4, 8].map(hours => hours * HOUR_SECONDS);

/** The machine as a whole: one honest sentence, what comes next, and a way to keep everything on. */
export function Machine(props: IMachineProps): JSX.Element {
  const { view, now, speech, limitsOpen, whyOpen, onLimits, onWhy } = props;
  const { trans } = speech;
  const next = view.mode === 'enforce' ? nextOf(view) : null;
  const afterwards = afterwardsOf(speech, view, now);
  const { lease } = view.instance;
  return (
    <div className="jp-Lcc-machine">
      <p className="jp-Lcc-headline">{headlineOf(speech, view, now)}</p>
      {afterwards && <p className="jp-Lcc-afterwards">{afterwards}</p>}
      {next && (
        <p className="jp-Lcc-countdown" role="timer" aria-live="off">
          {trans.__('%1 left', speech.countdown(secondsUntil(next.stops_at, now)))}
        </p>
      )}
      <Unhealthy {...props} />
      {view.mode !== 'off' && (lease ? <Kept {...props} lease={lease} /> : <KeepAll {...props} />)}
      <button className="jp-Lcc-button jp-Lcc-limitsButton" aria-expanded={limitsOpen} onClick={onLimits}>
        <settingsIcon.react tag="span" className="jp-Lcc-buttonIcon" />
        {trans.__('Limits')}
      </button>
      <button
        className="jp-Lcc-link"
        aria-expanded={whyOpen}
        aria-controls={whyOpen ? WHY_ID : undefined}
        onClick={() => onWhy(MACHINE)}
      >
        {trans.__('And the machine itself?')}
      </button>
      {whyOpen && <Why id={WHY_ID} target={view.instance} mode={view.mode} now={now} speech={speech} />}
    </div>
  );
}

function Unhealthy({ view, speech }: IMachineProps): JSX.Element | null {
  const { trans } = speech;
  const { healthy, problems } = view.monitor;
  if (healthy && problems.length === 0) {
    return null;
  }
  return (
    <div className="jp-Lcc-problems" role="group" aria-label={trans.__('Problems')}>
      {!healthy && problems.length === 0 && <p>{trans.__('The checks do not run as they should.')}</p>}
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
