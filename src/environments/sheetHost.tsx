import { Clipboard } from '@jupyterlab/apputils';
import { ReactWidget } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

import type { Export, Feature } from '../api/generated';
import type { Speech } from '../idle/words';
import { Deferred } from './deferred';
import type { IWork } from './work';

interface ISheetHostOptions {
  readonly work: IWork;
  readonly speech: Speech;
  feature(): Feature;
  onBegun(): void;
}

/** Where sheets lie: over the page, from the first one on. */
export class SheetHost extends ReactWidget {
  constructor(private readonly _options: ISheetHostOptions) {
    super();
    this.addClass('jp-Lcc-sheetHost');
    _options.work.workbench.changed.connect(this._onChanged, this);
  }

  protected override render(): JSX.Element {
    const { work, speech, feature, onBegun } = this._options;
    return (
      <Deferred speech={speech} waiting="">
        {({ Sheets }) => (
          <Sheets
            work={work}
            speech={speech}
            feature={feature}
            save={saveFile}
            copy={text => Clipboard.copyToSystem(text)}
            onBegun={onBegun}
          />
        )}
      </Deferred>
    );
  }

  /** Give the keyboard back to where it was when a sheet came. */
  private _onChanged(): void {
    const open = this._options.work.workbench.sheet !== null;
    if (open === this._open) {
      return;
    }
    this._open = open;
    if (open) {
      this._before = document.activeElement instanceof HTMLElement ? document.activeElement : null;
      if (!this.isAttached) {
        Widget.attach(this, document.body);
      }
    } else {
      const before = this._before;
      requestAnimationFrame(() => before?.isConnected && before.focus());
    }
  }

  private _open = false;
  private _before: HTMLElement | null = null;
}

/** Let the browser keep a text as a file. */
export function saveFile({ file_name, text }: Export): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = file_name;
  document.body.appendChild(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
