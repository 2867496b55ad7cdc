import * as React from 'react';

import type { Environment, Feature, Job, ListState } from '../../api/generated';
import { showLog } from '../../environments/views/section';
import type { IWork } from '../../environments/work';
import { againIcon, plusIcon } from '../../icons';
import type { Disclosure } from '../../idle/disclosure';
import { useSignal } from '../../idle/views/useSignal';
import type { Speech } from '../../idle/words';
import { isLostRace, isOver } from '../../jobs/states';
import { Busy } from '../../sheet';
import type { ILists } from '../lists';
import { problemWords } from '../problems';

import { ListRow } from './row';
import { Sources } from './sources';

export interface IListsSectionProps {
  lists: ILists;
  work: IWork;
  disclosure: Disclosure;
  speech: Speech;
  /** Whether the server can sync and publish, and if not, why. */
  feature: Feature;
  now(): Date;
  onMenu(name: string, anchor: HTMLElement): void;
}

/** The section of package lists. It asks the server when it is shown for the first time. */
export function ListsSection(props: IListsSectionProps): JSX.Element {
  const { lists, work, speech, feature } = props;
  const { model, actions } = lists;
  const { trans } = speech;
  useSignal(model.stateChanged);
  useSignal(work.jobs.stateChanged);
  useSignal(work.environments.stateChanged);
  useSignal(props.disclosure.changed);
  React.useEffect(() => {
    void model.wake();
    void work.jobs.wake();
  }, [model]);
  const { phase, states, error, pending } = model.state;
  return (
    <div className="jp-Lcc-environments">
      {!feature.available && <Missing feature={feature} speech={speech} />}
      {phase === 'failed' && error && (
        <div className="jp-Lcc-problems" role="status">
          <p>{problemWords(speech, error)}</p>
          {states && <p>{trans.__('Below is what was known last.')}</p>}
          <button className="jp-Lcc-button" onClick={() => void model.refresh()}>
            {trans.__('Try again')}
          </button>
        </div>
      )}
      {states === null && phase !== 'failed' && <Busy text={trans.__('Looking for package lists…')} />}
      {states && (
        <>
          <div className="jp-Lcc-toolbar">
            <button
              className="jp-Lcc-button jp-mod-accept"
              title={trans.__('Publish an environment as a package list')}
              disabled={!feature.available || states.sources.length === 0}
              onClick={() => void actions.openPublish(null, null)}
            >
              {trans.__('Publish…')}
            </button>
            <span className="jp-Lcc-buttons">
              <button
                className="jp-Lcc-iconButton"
                aria-label={trans.__('New package list…')}
                title={trans.__('New package list…')}
                disabled={!feature.available || states.sources.length === 0}
                onClick={() => void actions.openEdit(null)}
              >
                <plusIcon.react tag="span" className="jp-Lcc-buttonIcon" />
              </button>
              <button
                className="jp-Lcc-iconButton"
                aria-label={trans.__('Check for changes now')}
                title={trans.__('Check for changes now')}
                disabled={pending.has('check')}
                onClick={() => void actions.check()}
              >
                <againIcon.react tag="span" className="jp-Lcc-buttonIcon" />
              </button>
            </span>
          </div>
          {pending.has('check') && <Busy text={trans.__('Checking for changes…')} />}
          {states.lists.length === 0 && (
            <p className="jp-Lcc-empty">
              {states.sources.length > 0
                ? trans.__(
                    'No package list yet. Publish an environment, so that others get the same packages.'
                  )
                : states.may_add_sources
                  ? trans.__(
                      'A package list keeps environments equal on many machines. Add a source first: a folder, S3 or a git checkout that you share.'
                    )
                  : trans.__('Your administrator has not set up a source of package lists.')}
            </p>
          )}
          <ul className="jp-Lcc-list" aria-label={trans.__('Package lists')}>
            {states.lists.map(list => (
              <One key={list.name} list={list} {...props} />
            ))}
          </ul>
          <Sources
            sources={states.sources}
            mayAdd={states.may_add_sources}
            // Without one, adding it is what to do next.
            open={props.disclosure.isOpen('listSources') || states.sources.length === 0}
            pending={pending}
            speech={speech}
            onToggle={() => props.disclosure.toggle('listSources')}
            onAdd={() => actions.openSource()}
            onRemove={source => void actions.removeSource(source)}
          />
        </>
      )}
    </div>
  );
}

function Missing({ feature, speech }: { feature: Feature; speech: Speech }): JSX.Element {
  const { trans } = speech;
  return (
    <div className="jp-Lcc-problems" role="status">
      <p>
        {feature.why_not === 'rattler_missing'
          ? trans.__(
              'Lists can be looked at, not synced: the part that installs packages is missing. See Environments for what to run.'
            )
          : feature.why_not === 'config_invalid'
            ? trans.__(
                'Lists can’t be used: the server’s configuration of them can’t be read. Tell your administrator; the server’s log says what is wrong.'
              )
            : trans.__('Lists can be looked at, not synced: %1', feature.why_not ?? '')}
      </p>
    </div>
  );
}

function One(props: IListsSectionProps & { list: ListState }): JSX.Element {
  const { list, lists, work, disclosure, speech, feature, now, onMenu } = props;
  const { model, actions } = lists;
  const { name } = list;
  const job = work.jobs.active.find(each => isOf(each, list)) ?? null;
  const raced = work.jobs.state.jobs.find(each => isOver(each) && each.key === `list:${name}`) ?? null;
  return (
    <ListRow
      list={list}
      source={model.source(list.source)}
      environment={environmentOf(work, list)}
      job={job}
      raced={raced !== null && isLostRace(raced) ? raced : null}
      open={disclosure.isOpen(`list:${name}`)}
      canChange={feature.available && !model.state.pending.has(`list:${name}`)}
      speech={speech}
      now={now()}
      onToggle={() => disclosure.toggle(`list:${name}`)}
      onMenu={anchor => onMenu(name, anchor)}
      onSync={() => actions.openSync(name)}
      onHistory={() => actions.openHistory(name)}
      onEdit={() => void actions.openEdit(name)}
      onBoth={each => actions.openBoth(each)}
      onCancel={id => void work.jobActions.cancel(id)}
      onLog={id => showLog(work, disclosure, id)}
    />
  );
}

function isOf({ id, key }: Job, { job_id, name, environment }: ListState): boolean {
  return id === job_id || key === `list:${name}` || key === `env:${environment}`;
}

function environmentOf(work: IWork, { environment }: ListState): Environment | null {
  return work.environments.find(environment);
}
