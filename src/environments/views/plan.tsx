import * as React from 'react';

import type { Plan, PlanChange, PlanItem } from '../../api/generated';
import type { Speech } from '../../idle/words';
import { channelName, downloadWords, itemSizeWords, planWords, runningWords } from '../words';
import { Windowed } from './windowed';

type Line =
  | { readonly what: 'add' | 'remove'; readonly item: PlanItem }
  | { readonly what: 'change'; readonly item: PlanChange };

interface IPlanViewProps {
  plan: Plan;
  speech: Speech;
}

/** What would be done, package by package, and what a person should know before. */
export function PlanView({ plan, speech }: IPlanViewProps): JSX.Element {
  const { trans } = speech;
  return (
    <div className="jp-Lcc-plan">
      <p className="jp-Lcc-planSummary" role="status">
        {planWords(speech, plan)} {plan.add.length + plan.change.length > 0 && downloadWords(speech, plan)}
      </p>
      {plan.running_kernels.length > 0 && (
        <p className="jp-Lcc-warning">
          {trans.__(
            'Running: %1. They go on with what they have loaded; restart them to use the change, which loses what they hold in memory.',
            runningWords(speech, plan.running_kernels)
          )}
        </p>
      )}
      {plan.post_link.length > 0 && (
        <p className="jp-Lcc-warning">
          {trans.__('These bring scripts that are not run: %1.', plan.post_link.join(', '))}
        </p>
      )}
      {plan.notes.map(note => (
        <p key={note} className="jp-Lcc-hint">
          {note}
        </p>
      ))}
      <Differences plan={plan} speech={speech} />
    </div>
  );
}

/** The packages that come, change and go. */
export function Differences({
  plan,
  speech
}: {
  plan: Pick<Plan, 'add' | 'change' | 'remove'>;
  speech: Speech;
}): JSX.Element | null {
  const lines: readonly Line[] = [
    ...plan.remove.map(item => ({ what: 'remove' as const, item })),
    ...plan.change.map(item => ({ what: 'change' as const, item })),
    ...plan.add.map(item => ({ what: 'add' as const, item }))
  ];
  // Where nothing is downloaded, there is no column for how much.
  const sized = [...plan.change, ...plan.add].some(item => itemSizeWords(speech, item) !== '');
  return lines.length === 0 ? null : (
    <Windowed
      items={lines}
      label={speech.trans.__('Packages')}
      guess={26}
      keyOf={({ what, item }) => `${what} ${item.manager} ${item.name}`}
    >
      {line => <PlanLine line={line} sized={sized} speech={speech} />}
    </Windowed>
  );
}

const SIGNS = { add: '+', remove: '−', change: '↻' } as const;

interface IPlanLineProps {
  line: Line;
  sized: boolean;
  speech: Speech;
}

function PlanLine({ line, sized, speech }: IPlanLineProps): JSX.Element {
  const { trans } = speech;
  const { what, item } = line;
  const spoken = {
    add: trans.__('install'),
    remove: trans.__('remove'),
    change: trans.__('change')
  }[what];
  const versions =
    line.what === 'change'
      ? line.item.from === line.item.to
        ? trans.__('%1, another build', line.item.to)
        : `${line.item.from} → ${line.item.to}`
      : line.item.version;
  return (
    <div className={`jp-Lcc-planLine jp-mod-${what}`}>
      <span aria-hidden="true" className="jp-Lcc-sign">
        {SIGNS[what]}
      </span>
      <span className="jp-Lcc-hidden">{spoken}</span>
      <span className="jp-Lcc-packageName" title={item.channel ?? item.manager}>
        {item.name}
      </span>
      <span className="jp-Lcc-version">{versions}</span>
      <span className="jp-Lcc-origin">
        {item.manager === 'pip' ? item.manager : channelName(item.channel ?? '')}
      </span>
      {sized && <span className="jp-Lcc-size">{what === 'remove' ? '' : itemSizeWords(speech, item)}</span>}
    </div>
  );
}
