import '../../../style/panel.css';

import * as React from 'react';

import type { Environment, Stopped, Target } from '../../api/generated';
import { Deferred } from '../../environments/deferred';
import type { IWork } from '../../environments/work';
import { Deferred as DeferredLists } from '../../packageLists/deferred';
import type { ILists } from '../../packageLists/lists';
import type { IdleActions } from '../actions';
import type { Disclosure } from '../disclosure';
import type { IdleModel } from '../model';
import { fieldsOf } from '../policyDraft';
import { MACHINE } from '../targets';
import type { Speech } from '../words';
import { Group } from './group';
import { Happened } from './happened';
import { Machine } from './machine';
import { Notice } from './notice';
import { PolicyForm } from './policyForm';
import { Resume } from './resume';
import { Targets } from './targets';
import { useSignal, useTick } from './useSignal';

export interface IPanelProps {
  model: IdleModel;
  actions: IdleActions;
  disclosure: Disclosure;
  /** Environments and jobs. */
  work: IWork;
  lists: ILists;
  speech: Speech;
  version: string;
  /** Whether anybody can see it: a hidden panel doesn't count seconds. */
  visible: boolean;
  onKeepMenu(target: Target, anchor: HTMLElement): void;
  onEnvironmentMenu(environment: Environment, anchor: HTMLElement): void;
  onListMenu(name: string, anchor: HTMLElement): void;
}

/** The whole panel, from the model's state. */
export function Panel(props: IPanelProps): JSX.Element {
  const { model, actions, disclosure, speech, version, visible, onKeepMenu } = props;
  const { trans } = speech;
  useSignal(model.stateChanged);
  useSignal(disclosure.changed);
  useTick(visible);
  const root = React.useRef<HTMLDivElement>(null);
  React.useEffect(() => putKeyboardOn(root.current, disclosure));
  const { view, pending, happened, unseen } = model.state;
  const now = model.now();
  const group = (
    part: 'machine' | 'targets' | 'environments' | 'packageLists' | 'jobs' | 'stopped'
  ): { id: string; open: boolean; onToggle(): void } => ({
    id: part,
    open: disclosure.isOpen(part),
    onToggle: () => disclosure.toggle(part)
  });
  return (
    <div className="jp-Lcc-content" ref={root} data-phase={model.state.phase}>
      <Notice
        state={model.state}
        otherVersion={model.otherVersion}
        version={version}
        speech={speech}
        onRetry={() => void model.refresh()}
      />
      {view && (
        <>
          <Resume
            unseen={unseen}
            now={now}
            speech={speech}
            busy={pending.has('unseen')}
            canReopen={(stopped: Stopped) => actions.reopenable(stopped).length > 0}
            isLossOpen={id => disclosure.isOpen(`lost:${id}`)}
            onLoss={id => disclosure.toggle(`lost:${id}`)}
            onOpenPath={path => void actions.openPath(path)}
            onReopen={stopped => void actions.reopen(stopped)}
            onDismiss={() => void actions.dismiss()}
          />
          <Group {...group('machine')} title={trans.__('This machine')}>
            <Machine
              view={view}
              now={now}
              speech={speech}
              pending={pending}
              limitsOpen={disclosure.isOpen('limits')}
              whyOpen={disclosure.isOpen('why:instance')}
              holdersOpen={disclosure.isOpen('holders')}
              find={id => model.find(id)}
              onWhy={id => disclosure.toggle(`why:${id}`)}
              onHolders={() => disclosure.toggle('holders')}
              onGo={id => {
                disclosure.set('targets', true);
                disclosure.point(id);
              }}
              onStop={() => void actions.shutDown(MACHINE)}
              onKeep={(id, seconds) => void actions.keep(id, seconds)}
              onEndLease={id => void actions.endLease(id)}
              onLimits={() => disclosure.toggle('limits')}
            />
            {disclosure.isOpen('limits') && (
              <PolicyForm
                policy={view.policy}
                fields={fieldsOf(view)}
                speech={speech}
                onSave={changes => model.setPolicy(changes)}
              />
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
          <WorkSections {...props} group={group} />
          {happened.length > 0 && (
            <Group {...group('stopped')} title={trans.__('What happened lately')}>
              <Happened happened={happened} now={now} speech={speech} />
            </Group>
          )}
        </>
      )}
    </div>
  );
}

type GroupOf = (part: 'environments' | 'packageLists' | 'jobs') => {
  id: string;
  open: boolean;
  onToggle(): void;
};

/** Environments, package lists and jobs: asked for, and loaded, when the panel is seen for the first time. */
function WorkSections(props: IPanelProps & { group: GroupOf }): JSX.Element | null {
  const { model, work, lists, disclosure, speech, visible, group, onEnvironmentMenu, onListMenu } = props;
  const { trans } = speech;
  const feature = model.state.about?.features['environments'];
  const listsFeature = model.state.about?.features['package_lists'];
  const seen = React.useRef(false);
  React.useEffect(() => {
    // Whoever comes back, e.g. from a terminal, may have changed something.
    if (visible && work.environments.state.phase !== 'asleep') {
      void work.environments.refresh();
    }
    if (visible && lists.model.state.phase !== 'asleep') {
      void lists.model.refresh();
    }
  }, [visible, work, lists]);
  seen.current ||= visible;
  const now = React.useCallback(() => model.now(), [model]);
  // The panel counts seconds; what follows does not, so it is made anew only by its own news.
  const environments = React.useMemo(
    () =>
      feature && (
        <Deferred speech={speech}>
          {({ EnvironmentsSection }) => (
            <EnvironmentsSection
              work={work}
              disclosure={disclosure}
              speech={speech}
              feature={feature}
              now={now}
              onMenu={onEnvironmentMenu}
            />
          )}
        </Deferred>
      ),
    [work, disclosure, speech, feature, now, onEnvironmentMenu]
  );
  const packageLists = React.useMemo(
    () =>
      listsFeature && (
        <DeferredLists speech={speech}>
          {({ ListsSection }) => (
            <ListsSection
              lists={lists}
              work={work}
              disclosure={disclosure}
              speech={speech}
              feature={listsFeature}
              now={now}
              onMenu={onListMenu}
            />
          )}
        </DeferredLists>
      ),
    [lists, work, disclosure, speech, listsFeature, now, onListMenu]
  );
  const jobs = React.useMemo(
    () => (
      <Deferred speech={speech}>
        {({ JobsSection }) => <JobsSection work={work} speech={speech} now={now} />}
      </Deferred>
    ),
    [work, speech, now]
  );
  return feature === undefined ? null : (
    <>
      <Group {...group('environments')} title={trans.__('Environments')}>
        {seen.current && environments}
      </Group>
      {packageLists && (
        <Group {...group('packageLists')} title={trans.__('Package lists')}>
          {seen.current && packageLists}
        </Group>
      )}
      <Group {...group('jobs')} title={trans.__('Jobs')}>
        {seen.current && jobs}
      </Group>
    </>
  );
}

/** Put the keyboard on the row somebody asked for, once it is there. */
function putKeyboardOn(root: HTMLElement | null, disclosure: Disclosure): void {
  const wanted = root && disclosure.pointed;
  const row = wanted ? root.querySelector<HTMLElement>(`[data-target=${JSON.stringify(wanted)}]`) : null;
  if (row) {
    disclosure.takePointed();
    row.scrollIntoView({ block: 'nearest' });
    row.querySelector('button')?.focus();
  }
}
