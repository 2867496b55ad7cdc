import * as React from 'react';

import type { IWork } from '../environments/work';
import type { Speech } from '../idle/words';
import { SheetLayer } from '../sheetHost';
import { Deferred } from './deferred';
import type { ILists } from './lists';

interface IListSheetHostOptions {
  readonly lists: ILists;
  readonly work: IWork;
  readonly speech: Speech;
  now(): Date;
  /** A job was begun, so the panel is where to look now. */
  onBegun(): void;
}

/** The sheets of package lists. */
export class ListSheetHost extends SheetLayer {
  constructor(private readonly _options: IListSheetHostOptions) {
    super(_options.lists.workbench);
  }

  protected override render(): JSX.Element {
    return (
      <Deferred speech={this._options.speech} waiting="">
        {({ ListSheets }) => <ListSheets {...this._options} />}
      </Deferred>
    );
  }
}
