import * as React from 'react';

import type { IWork } from '../../environments/work';
import { useSignal } from '../../idle/views/useSignal';
import type { Speech } from '../../idle/words';
import type { ILists } from '../lists';
import { EditSheet } from './editSheet';
import { HistorySheet } from './historySheet';
import { MergeSheet } from './mergeSheet';
import { PublishSheet } from './publishSheet';
import { SourceSheet } from './sourceSheet';
import { SyncSheet } from './syncSheet';

export interface IListSheetsProps {
  lists: ILists;
  work: IWork;
  speech: Speech;
  now(): Date;
  onBegun(): void;
}

/** Whichever sheet of package lists lies over the page. */
export function ListSheets({ lists, work, speech, now, onBegun }: IListSheetsProps): JSX.Element | null {
  const { model, workbench } = lists;
  useSignal(workbench.changed);
  useSignal(model.stateChanged);
  useSignal(work.environments.stateChanged);
  const { sheet } = workbench;
  const onClose = (): void => workbench.show(null);
  const begun = async (job: Promise<unknown>): Promise<void> => {
    await job;
    onBegun();
  };
  const { states } = model.state;
  const taken = (states?.lists ?? []).map(({ name }) => name);
  const sources = states?.sources ?? [];
  switch (sheet?.kind) {
    case 'sync':
      return (
        <SyncSheet
          key={`sync ${sheet.name}`}
          name={sheet.name}
          speech={speech}
          diff={keep => model.diff(sheet.name, keep)}
          solve={() => model.solve(sheet.name)}
          sync={wish => begun(model.sync(sheet.name, wish))}
          onClose={onClose}
        />
      );
    case 'edit':
      return (
        <EditSheet
          key={`edit ${sheet.name ?? ''}`}
          name={sheet.name}
          taken={taken}
          sources={sources}
          speech={speech}
          now={now()}
          read={name => model.text(name)}
          validate={text => model.validate(text)}
          put={(name, body, etag) => begun(model.put(name, body, etag))}
          onRace={(name, both, message) => workbench.show({ kind: 'merge', name, both, message })}
          onClose={onClose}
        />
      );
    case 'publish':
      return (
        <PublishSheet
          key="publish"
          name={sheet.name}
          environment={sheet.environment}
          lists={states?.lists ?? []}
          environments={work.environments.state.list?.environments ?? null}
          sources={sources}
          speech={speech}
          wake={() => work.environments.wake()}
          publish={(name, body, etag) => begun(model.publish(name, body, etag))}
          onRace={(name, both, message) => workbench.show({ kind: 'merge', name, both, message })}
          onClose={onClose}
        />
      );
    case 'merge':
      return (
        <MergeSheet
          // Who loses once more sees the new other side.
          key={`merge ${sheet.both.etag}`}
          name={sheet.name}
          both={sheet.both}
          message={sheet.message}
          speech={speech}
          now={now()}
          validate={text => model.validate(text)}
          put={(body, etag) => begun(model.put(sheet.name, body, etag))}
          onRace={(both, message) => workbench.show({ kind: 'merge', name: sheet.name, both, message })}
          onClose={onClose}
        />
      );
    case 'history':
      return (
        <HistorySheet
          key={`history ${sheet.name}`}
          name={sheet.name}
          current={model.find(sheet.name)?.revision?.number ?? null}
          speech={speech}
          now={now()}
          history={() => model.history(sheet.name)}
          revision={number => model.revision(sheet.name, number)}
          restore={number => begun(model.restore(sheet.name, number, model.find(sheet.name)?.etag ?? null))}
          onClose={onClose}
        />
      );
    case 'source':
      return (
        <SourceSheet key="source" speech={speech} add={body => model.addSource(body)} onClose={onClose} />
      );
    default:
      return null;
  }
}
