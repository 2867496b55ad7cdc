import * as React from 'react';

import type { Environment, Feature, Job, Trashed } from '../../api/generated';
import { againIcon, plusIcon } from '../../icons';
import type { Disclosure } from '../../idle/disclosure';
import { useSignal } from '../../idle/views/useSignal';
import type { Speech } from '../../idle/words';
import { isOver } from '../../jobs/states';
import { titleOf } from '../../jobs/words';
import { Busy } from '../../sheet';
import { wishOf } from '../basket';
import type { Tab } from '../workbench';
import type { IWork } from '../work';
import { problemWords } from '../words';
import { Health } from './health';
import { Packages } from './packages';
import { Doing, Row } from './row';
import { Store } from './store';
import { Versions } from './versions';

export interface ISectionProps {
  work: IWork;
  disclosure: Disclosure;
  speech: Speech;
  /** Whether the server can change environments, and if not, why. */
  feature: Feature;
  now(): Date;
  onMenu(environment: Environment, anchor: HTMLElement): void;
}

/** From how many on a filter is worth its place. */
const MANY = 8;

/** What a person runs where the engine is missing. */
const INSTALL_ENGINE = 'pip install py-rattler';

/** The section of environments. It asks the server when it is shown for the first time. */
export function EnvironmentsSection(props: ISectionProps): JSX.Element {
  const { work, speech, feature } = props;
  const { environments, environmentActions: actions } = work;
  const { trans } = speech;
  useSignal(environments.stateChanged);
  useSignal(work.jobs.stateChanged);
  useSignal(work.workbench.changed);
  useSignal(props.disclosure.changed);
  const [filter, setFilter] = React.useState('');
  React.useEffect(() => {
    void environments.wake();
    void work.jobs.wake();
  }, [environments]);
  const { phase, list, error } = environments.state;
  const canChange = feature.available;
  const wanted = filter.trim().toLowerCase();
  const all = list?.environments ?? [];
  const shown = wanted === '' ? all : all.filter(({ name }) => name.toLowerCase().includes(wanted));
  const coming = work.jobs.active.filter(job => isComing(job, all));
  return (
    <div className="jp-Lcc-environments">
      {!canChange && <Missing feature={feature} speech={speech} />}
      {list?.channels.offline && (
        <p className="jp-Lcc-warning">
          {trans.__('Offline: only packages that were downloaded before can be installed.')}
        </p>
      )}
      {list?.channels.problems.map(problem => (
        <p className="jp-Lcc-warning" key={problem}>
          {trans.__('conda’s configuration is not followed: %1', problem)}
        </p>
      ))}
      {phase === 'failed' && error && (
        <div className="jp-Lcc-problems" role="status">
          <p>{problemWords(speech, error)}</p>
          {list && <p>{trans.__('Below is what was known last.')}</p>}
          <button className="jp-Lcc-button" onClick={() => void environments.refresh()}>
            {trans.__('Try again')}
          </button>
        </div>
      )}
      {list === null && phase !== 'failed' && <Busy text={trans.__('Looking for environments…')} />}
      {list && (
        <>
          <div className="jp-Lcc-toolbar">
            <button
              className="jp-Lcc-button jp-mod-accept"
              disabled={!canChange}
              onClick={() => void actions.openCreate()}
            >
              <plusIcon.react tag="span" className="jp-Lcc-buttonIcon" />
              {trans.__('New environment')}
            </button>
            <button
              className="jp-Lcc-iconButton"
              aria-label={trans.__('Look again')}
              title={trans.__('Look again')}
              onClick={() => void environments.refresh()}
            >
              <againIcon.react tag="span" className="jp-Lcc-buttonIcon" />
            </button>
          </div>
          {all.length === 0 && coming.length === 0 && (
            <p className="jp-Lcc-empty">
              {trans.__(
                'No environment yet. Make one from the packages you need: it lies under %1 and is a kernel for your notebooks.',
                list.folder
              )}
            </p>
          )}
          {all.length >= MANY && (
            <input
              className="jp-Lcc-input jp-Lcc-filter"
              type="search"
              placeholder={trans._n('Filter %1 environment', 'Filter %1 environments', all.length)}
              aria-label={trans.__('Filter environments')}
              value={filter}
              onChange={event => setFilter(event.target.value)}
            />
          )}
          {shown.length === 0 && all.length > 0 && (
            <p className="jp-Lcc-empty">{trans.__('No environment is called like that.')}</p>
          )}
          <ul className="jp-Lcc-list" aria-label={trans.__('Environments')}>
            {coming.map(job => (
              <Coming key={job.id} job={job} {...props} />
            ))}
            {shown.map(environment => (
              <One key={environment.name} environment={environment} {...props} />
            ))}
          </ul>
          <StoreOf {...props} />
        </>
      )}
    </div>
  );
}

function Missing({ feature, speech }: { feature: Feature; speech: Speech }): JSX.Element {
  const { trans } = speech;
  return (
    <div className="jp-Lcc-problems" role="status">
      {feature.why_not === 'rattler_missing' ? (
        <>
          <p>
            {trans.__(
              'Environments can be looked at, not changed: the part that installs packages is not there. Run this on the server, then restart it:'
            )}
          </p>
          <pre className="jp-Lcc-command" tabIndex={0}>
            {INSTALL_ENGINE}
          </pre>
        </>
      ) : (
        <p>
          {feature.why_not === 'config_invalid'
            ? trans.__(
                'Environments can be looked at, not changed: the server’s configuration of them can’t be read. Tell your administrator; the server’s log says what is wrong.'
              )
            : trans.__('Environments can be looked at, not changed: %1', feature.why_not ?? '')}
        </p>
      )}
    </div>
  );
}

/** What is on its way and not there yet. */
function Coming({ job, work, disclosure, speech }: ISectionProps & { job: Job }): JSX.Element {
  return (
    <li className="jp-Lcc-row jp-Lcc-env jp-mod-coming">
      <span className="jp-Lcc-nameText" title={titleOf(speech, job)}>
        {job.subject}
      </span>
      <Doing
        job={job}
        speech={speech}
        onCancel={id => void work.jobActions.cancel(id)}
        onLog={id => showLog(work, disclosure, id)}
      />
    </li>
  );
}

function One(props: ISectionProps & { environment: Environment }): JSX.Element {
  const { environment, work, disclosure, speech, feature, onMenu } = props;
  const { environments, environmentActions: actions, workbench, jobs } = work;
  const { name } = environment;
  const open = disclosure.isOpen(`env:${name}`);
  const tab = workbench.tabOf(name);
  const job = jobs.active.find(({ id, key }) => id === environment.job_id || key === `env:${name}`) ?? null;
  const canChange = feature.available && environment.managed && environment.status !== 'frozen';
  return (
    <Row
      environment={environment}
      job={job}
      open={open}
      tab={tab}
      pending={environments.state.pending.has(name)}
      canChange={feature.available}
      speech={speech}
      onToggle={each => disclosure.toggle(`env:${each}`)}
      onTab={(each, next) => workbench.setTab(each, next)}
      onOpenNotebook={kernel => void actions.openNotebook(kernel)}
      onMenu={onMenu}
      onKernel={(each, on) =>
        void (on ? actions.registerKernel(each.name) : actions.unregisterKernel(each.name))
      }
      onCancel={id => void work.jobActions.cancel(id)}
      onLog={id => showLog(work, disclosure, id)}
    >
      {open && <TabPanel {...props} tab={tab} canChange={canChange} busy={job !== null} />}
    </Row>
  );
}

function TabPanel({
  environment,
  work,
  speech,
  now,
  tab,
  canChange,
  busy
}: ISectionProps & { environment: Environment; tab: Tab; canChange: boolean; busy: boolean }): JSX.Element {
  const { environments, environmentActions: actions, workbench } = work;
  const { name } = environment;
  const details = environments.details(name);
  React.useEffect(() => {
    if (tab === 'packages') {
      void environments.loadPackages(name);
    } else if (tab === 'versions') {
      void environments.loadVersions(name);
    } else if (environments.details(name).findings === null) {
      void environments.diagnose(name);
    }
  }, [tab, name]);
  switch (tab) {
    case 'packages':
      return (
        <>
          {!canChange && <p className="jp-Lcc-hint">{unchangeable(speech, environment)}</p>}
          <Packages
            environment={environment}
            packages={details.packages}
            basket={workbench.basketOf(name)}
            speech={speech}
            canChange={canChange && !busy}
            names={(query, channels) => environments.names(query, channels)}
            onBasket={basket => workbench.setBasket(name, basket)}
            onPreview={() =>
              actions.propose({ kind: 'change', name, wish: wishOf(workbench.basketOf(name)) })
            }
            onUpgradeAll={() => actions.propose({ kind: 'change', name, wish: { upgrade_all: true } })}
            onRetry={() => void environments.loadPackages(name, true)}
          />
        </>
      );
    case 'versions':
      return (
        <Versions
          name={name}
          versions={details.versions}
          diffs={details.diffs}
          speech={speech}
          now={now()}
          canChange={canChange && !busy}
          onDiff={version => void environments.loadDiff(name, version)}
          onRollBack={version => actions.propose({ kind: 'rollback', name, version })}
          onRetry={() => void environments.loadVersions(name, true)}
        />
      );
    case 'health':
      return (
        <Health
          name={name}
          findings={details.findings}
          speech={speech}
          canFix={!busy}
          onFix={fix => void actions.fix(name, fix)}
          onCheck={() => void environments.diagnose(name)}
        />
      );
  }
}

function unchangeable({ trans }: Speech, { managed, status }: Environment): string {
  if (status === 'frozen') {
    return trans.__('It is frozen, so it is only looked at. Clone it to change the clone.');
  }
  return managed
    ? trans.__('It can’t be changed here now.')
    : trans.__('It lies elsewhere, so it is only looked at. Clone it to change the clone.');
}

function StoreOf({ work, disclosure, speech, feature, now }: ISectionProps): JSX.Element | null {
  const { environments, environmentActions: actions } = work;
  const { list, cache, pending } = environments.state;
  React.useEffect(() => {
    if (environments.state.cache === null) {
      void environments.loadCache();
    }
  }, [environments]);
  return (
    list && (
      <Store
        quota={list.quota}
        trash={list.trash}
        trashOpen={disclosure.isOpen('trash')}
        cache={cache}
        pending={pending}
        canChange={feature.available}
        speech={speech}
        now={now()}
        onTrash={() => disclosure.toggle('trash')}
        onRestore={(trashed: Trashed) => void actions.restore(trashed.id)}
        onPurge={trashed => void actions.purge(trashed)}
        onCleanCache={() => void actions.cleanCache()}
      />
    )
  );
}

/** Is this the making of something that isn't listed yet? */
function isComing(job: Job, listed: readonly Environment[]): boolean {
  return (
    !isOver(job) &&
    (job.kind === 'environment.create' ||
      job.kind === 'environment.clone' ||
      job.kind === 'environment.restore') &&
    !listed.some(({ name, job_id }) => name === job.subject || job_id === job.id)
  );
}

/** Open the log of a job in the section of jobs. */
export function showLog(work: IWork, disclosure: Disclosure, jobId: string): void {
  work.jobs.openLog(jobId);
  disclosure.set('jobs', true);
  disclosure.point(`job:${jobId}`);
}
