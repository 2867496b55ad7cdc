import { caretDownIcon, kernelIcon, notebookIcon, runIcon, terminalIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { IdleView, Target } from '../../api/generated';
import { pinIcon, shutDownIcon } from '../../icons';
import { busiestOf, fateOf, gpuOf, nameOf, othersOf, stateOf, trafficOf, type Speech } from '../words';
import { Why } from './why';

export interface IRowHandlers {
  canOpen(target: Target): boolean;
  onOpen(target: Target): void;
  onKeepMenu(target: Target, anchor: HTMLElement): void;
  onPin(target: Target): void;
  onUnpin(leaseId: string): void;
  onShutDown(targetId: string): void;
  onWhy(targetId: string): void;
}

export interface IRowProps extends IRowHandlers {
  target: Target;
  mode: IdleView['mode'];
  age: number;
  now: Date;
  speech: Speech;
  pending: boolean;
  whyOpen: boolean;
}

/** One kernel, terminal or job. */
export function Row(props: IRowProps): JSX.Element {
  const { target, mode, age, now, speech, whyOpen, onWhy } = props;
  const { trans } = speech;
  const whyId = `jp-Lcc-why-${target.id.replace(/[^\w-]/g, '_')}`;
  const name = nameOf(speech, target);
  const busiest = busiestOf(target);
  const traffic = trafficOf(target);
  const states = ['jp-Lcc-row', `jp-mod-${target.state}`];
  if (target.verdict === 'warn' && mode === 'enforce') {
    states.push('jp-mod-warned');
  }
  return (
    <li className={states.join(' ')} data-target={target.id}>
      <div className="jp-Lcc-rowTop">
        <Name {...props} name={name} />
        <Buttons {...props} name={name} />
      </div>
      <div className="jp-Lcc-rowText">
        <span className="jp-Lcc-state">{stateOf(speech, target, age)}</span>
        {busiest && <span className="jp-Lcc-busiest">{busiest}</span>}
        <span className="jp-Lcc-fate">{fateOf(speech, target, mode, now)}</span>
      </div>
      <div className="jp-Lcc-rowText">
        {target.cpu_percent !== null && (
          <span className="jp-Lcc-number">{trans.__('%1% CPU', speech.number(target.cpu_percent, 0))}</span>
        )}
        {target.memory_bytes !== null && (
          <span className="jp-Lcc-number">{speech.bytes(target.memory_bytes)}</span>
        )}
        {traffic !== null && (
          <span className="jp-Lcc-number" title={trans.__('What it reads and writes on disk and network')}>
            {trans.__('%1/s', speech.bytes(traffic))}
          </span>
        )}
        {target.gpu.map(gpu => {
          const { text, title } = gpuOf(speech, gpu);
          return (
            <span key={gpu.index} className="jp-Lcc-number" title={title}>
              {text}
            </span>
          );
        })}
        <button
          className="jp-Lcc-link"
          aria-expanded={whyOpen}
          aria-controls={whyOpen ? whyId : undefined}
          aria-label={trans.__('Why? %1', name)}
          onClick={() => onWhy(target.id)}
        >
          {trans.__('Why?')}
        </button>
        <Keep {...props} name={name} />
      </div>
      {whyOpen && <Why id={whyId} target={target} mode={mode} now={now} speech={speech} />}
    </li>
  );
}

function Name({ target, speech, name, canOpen, onOpen }: IRowProps & { name: string }): JSX.Element {
  const isNotebook = target.sessions[0]?.type === 'notebook';
  const Icon =
    target.kind === 'terminal'
      ? terminalIcon
      : target.kind === 'process'
        ? runIcon
        : isNotebook
          ? notebookIcon
          : kernelIcon;
  const others = othersOf(speech, target);
  const paths = target.sessions.map(({ path }) => path).join('\n') || name;
  return (
    <span className="jp-Lcc-name" title={paths}>
      <Icon.react tag="span" className="jp-Lcc-rowIcon" />
      {canOpen(target) ? (
        <button className="jp-Lcc-nameText jp-Lcc-nameButton" onClick={() => onOpen(target)}>
          {name}
        </button>
      ) : (
        <span className="jp-Lcc-nameText">{name}</span>
      )}
      {others && <span className="jp-Lcc-others">{others}</span>}
    </span>
  );
}

function Buttons(props: IRowProps & { name: string }): JSX.Element {
  const { target, mode, speech, name, pending, onPin, onUnpin, onShutDown } = props;
  const { trans } = speech;
  const lease = target.lease?.target_id === target.id ? target.lease : null;
  const disabled = pending || target.shutting_down;
  const pinLabel = lease
    ? trans.__('Stop keeping %1', name)
    : trans.__('Keep %1 for as long as is allowed', name);
  const shutDownLabel = trans.__('Shut down %1', name);
  return (
    <span className="jp-Lcc-buttons">
      {mode !== 'off' && (
        <button
          className={lease ? 'jp-Lcc-iconButton jp-mod-on' : 'jp-Lcc-iconButton'}
          aria-pressed={lease !== null}
          aria-label={pinLabel}
          title={pinLabel}
          disabled={disabled}
          onClick={() => (lease ? onUnpin(lease.id) : onPin(target))}
        >
          <pinIcon.react tag="span" />
        </button>
      )}
      <button
        className="jp-Lcc-iconButton"
        aria-label={shutDownLabel}
        title={shutDownLabel}
        disabled={disabled}
        onClick={() => onShutDown(target.id)}
      >
        <shutDownIcon.react tag="span" />
      </button>
    </span>
  );
}

function Keep({
  target,
  mode,
  speech,
  name,
  pending,
  onKeepMenu
}: IRowProps & { name: string }): JSX.Element | null {
  const { trans } = speech;
  const label = trans.__('Keep %1 for a time', name);
  return mode === 'off' ? null : (
    <button
      className="jp-Lcc-button jp-Lcc-keepButton"
      aria-haspopup="menu"
      aria-label={label}
      title={label}
      disabled={pending || target.shutting_down}
      onClick={event => onKeepMenu(target, event.currentTarget)}
    >
      {trans.__('Keep')}
      <caretDownIcon.react tag="span" className="jp-Lcc-buttonIcon" />
    </button>
  );
}
