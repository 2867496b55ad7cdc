import * as React from 'react';

import type { IdleView, Target } from '../../api/generated';
import type { StoppableKind } from '../actions';
import { ageOf, type Speech } from '../words';
import { Row, type IRowHandlers } from './row';

export interface ITargetsProps extends IRowHandlers {
  view: IdleView;
  now: Date;
  speech: Speech;
  pending: ReadonlySet<string>;
  idleCount(kind: StoppableKind): number;
  isWhyOpen(targetId: string): boolean;
  onShutDownAll(kind: StoppableKind): void;
}

/** Everything that runs, kernels first. The order stays, whatever they do. */
export function Targets(props: ITargetsProps): JSX.Element {
  const { view, speech } = props;
  const { trans } = speech;
  const kernels = sorted(view.targets.filter(({ kind }) => kind === 'kernel'));
  const terminals = sorted(view.targets.filter(({ kind }) => kind === 'terminal'));
  const jobs = sorted(view.targets.filter(({ kind }) => kind !== 'kernel' && kind !== 'terminal'));
  if (view.targets.length === 0) {
    return <p className="jp-Lcc-empty">{trans.__('No kernel, terminal or job is running.')}</p>;
  }
  return (
    <>
      {kernels.length > 0 && (
        <List
          {...props}
          kind="kernel"
          targets={kernels}
          title={trans.__('Kernels')}
          shutDownAll={trans.__('Shut down all idle kernels')}
        />
      )}
      {terminals.length > 0 && (
        <List
          {...props}
          kind="terminal"
          targets={terminals}
          title={trans.__('Terminals')}
          shutDownAll={trans.__('Shut down all idle terminals')}
        />
      )}
      {jobs.length > 0 && (
        <List {...props} kind="process" targets={jobs} title={trans.__('Jobs on their own')} />
      )}
    </>
  );
}

interface IListProps extends ITargetsProps {
  kind: StoppableKind | 'process';
  targets: readonly Target[];
  title: string;
  shutDownAll?: string;
}

function List(props: IListProps): JSX.Element {
  const {
    kind,
    targets,
    title,
    shutDownAll,
    view,
    now,
    speech,
    pending,
    idleCount,
    isWhyOpen,
    onShutDownAll
  } = props;
  const headingId = `jp-Lcc-list-${kind}`;
  const age = ageOf(view, now);
  return (
    <>
      <h3 className="jp-Lcc-listHeading" id={headingId}>
        {title}
      </h3>
      <ul className="jp-Lcc-list" aria-labelledby={headingId}>
        {targets.map(target => (
          <Row
            {...props}
            key={target.id}
            target={target}
            mode={view.mode}
            age={age}
            now={now}
            speech={speech}
            pending={pending.has(target.id)}
            whyOpen={isWhyOpen(target.id)}
          />
        ))}
      </ul>
      {kind !== 'process' && shutDownAll && idleCount(kind) > 1 && (
        <button className="jp-Lcc-link jp-Lcc-shutDownAll" onClick={() => onShutDownAll(kind)}>
          {shutDownAll}
        </button>
      )}
    </>
  );
}

function sorted(targets: Target[]): Target[] {
  return targets.sort(
    (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }) || a.id.localeCompare(b.id)
  );
}
