import { GroupItem, TextItem } from '@jupyterlab/statusbar';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { lifeCycleIcon } from '../icons';
import type { IdleModel } from './model';
import { useSignal } from './views/useSignal';
import { headlineOf, statusOf, type Speech } from './words';

interface IStatusProps {
  model: IdleModel;
  speech: Speech;
  onOpen(): void;
}

/** The next shutdown, in the status bar. */
export function Status({ model, speech, onOpen }: IStatusProps): JSX.Element | null {
  useSignal(model.stateChanged);
  const { view, phase } = model.state;
  const now = model.now();
  const text = view && phase === 'ready' ? statusOf(speech, view, now) : null;
  if (!view || text === null) {
    return null;
  }
  const headline = headlineOf(speech, view, now);
  return (
    <button className="jp-Lcc-status" title={headline} aria-label={headline} onClick={onOpen}>
      <GroupItem spacing={4}>
        <lifeCycleIcon.react tag="span" className="jp-Lcc-statusIcon" />
        <TextItem source={text} title={headline} />
      </GroupItem>
    </button>
  );
}

/** The status bar item as JupyterLab takes it. */
export class StatusItem extends ReactWidget {
  constructor(private readonly _props: IStatusProps) {
    super();
    this.addClass('jp-Lcc-StatusItem');
    this.addClass('jp-mod-highlighted');
  }

  protected override render(): JSX.Element {
    return <Status {...this._props} />;
  }
}
