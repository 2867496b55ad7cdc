import { Clipboard } from '@jupyterlab/apputils';
import * as React from 'react';

import type { Export, Feature } from '../api/generated';
import type { Speech } from '../idle/words';
import { SheetLayer } from '../sheetHost';
import { Deferred } from './deferred';
import type { IWork } from './work';

interface ISheetHostOptions {
  readonly work: IWork;
  readonly speech: Speech;
  feature(): Feature;
  onBegun(): void;
}

/** The sheets of environments. */
export class SheetHost extends SheetLayer {
  constructor(private readonly _options: ISheetHostOptions) {
    super(_options.work.workbench);
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
