import * as React from 'react';

import type { Target } from '../../api/generated';
import type { IdleActions } from '../actions';
import type { Disclosure } from '../disclosure';
import type { IdleModel } from '../model';
import type { Speech } from '../words';
import { Group } from './group';
import { Machine } from './machine';
import { Notice } from './notice';
import { PolicyForm } from './policyForm';
import { Stopped } from './stopped';
import { Targets } from './targets';
import { useSignal, useTick } from './useSignal';

export interface IPanelProps {
  model: IdleModel;
  actions: IdleActions;
  disclosure: Disclosure;
  speech: Speech;
  version: string;
  /** Whether anybody can see it: a hidden panel doesn't count seconds. */
  visible: boolean;
  onKeepMenu(target: Target, anchor: HTMLElement): void;
}

/** The whole panel, from the model's state. */
export function Panel(props: IPanelProps): JSX.Element {
  const { model, actions, disclosure, speech, version, visible, onKeepMenu } = props;
  const { trans } = speech;
  useSignal(model.stateChanged);
  useSignal(disclosure.changed);
  useTick(visible);
  const { view, pending, stopped } = model.state;
  const now = model.now();
  const group = (
    part: 'machine' | 'targets' | 'stopped'
  ): { id: string; open: boolean; onToggle(): void } => ({
    id: part,
    open: disclosure.isOpen(part),
    onToggle: () => disclosure.toggle(part)
  });
  return (
    <div className="jp-Lcc-content" data-phase={model.state.phase}>
      <Notice
        state={model.state}
        otherVersion={model.otherVersion}
        version={version}
        speech={speech}
        onRetry={() => void model.refresh()}
      />
      {view && (
        <>
          <Group {...group('machine')} title={trans.__('This machine')}>
            <Machine
              view={view}
              now={now}
              speech={speech}
              pending={pending}
              limitsOpen={disclosure.isOpen('limits')}
              whyOpen={disclosure.isOpen('why:instance')}
              onWhy={id => disclosure.toggle(`why:${id}`)}
              onKeep={(id, seconds) => void actions.keep(id, seconds)}
              onEndLease={id => void actions.endLease(id)}
              onLimits={() => disclosure.toggle('limits')}
            />
            {disclosure.isOpen('limits') && (
              <PolicyForm policy={view.policy} speech={speech} onSave={changes => model.setPolicy(changes)} />
            )}
          </Group>
          <Group {...group('targets')} title={trans.__('Kernels and terminals')}>
            <Targets
              view={view}
              now={now}
              speech={speech}
              pending={pending}
              idleCount={kind => actions.idleOf(kind).length}
              isWhyOpen={id => disclosure.isOpen(`why:${id}`)}
              canOpen={target => actions.canOpen(target)}
              onOpen={target => void actions.open(target)}
              onKeepMenu={onKeepMenu}
              onPin={target => void actions.pin(target.id)}
              onUnpin={id => void actions.endLease(id)}
              onShutDown={id => void actions.shutDown(id)}
              onShutDownAll={kind => void actions.shutDownAll(kind)}
              onWhy={id => disclosure.toggle(`why:${id}`)}
            />
          </Group>
          {stopped.length > 0 && (
            <Group {...group('stopped')} title={trans.__('Recently stopped')}>
              <Stopped stopped={stopped} now={now} speech={speech} />
            </Group>
          )}
        </>
      )}
    </div>
  );
}
