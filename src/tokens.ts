import { Token } from '@lumino/coreutils';

import type { LccClient } from './api/client';
import type { IdleEvents } from './api/events';
import type { IWork } from './environments/work';
import type { IdleActions } from './idle/actions';
import type { Announcer } from './idle/announcer';
import type { Disclosure } from './idle/disclosure';
import type { OpenDocuments } from './idle/documents';
import type { IdleModel } from './idle/model';
import type { INoticeBoard } from './idle/notices';
import type { Speech } from './idle/words';
import type { ILists } from './packageLists/lists';
import type { ILccSettings } from './settings';

/** The parts our plugins share. */
export interface ILcc {
  readonly client: LccClient;
  readonly events: IdleEvents;
  readonly model: IdleModel;
  readonly actions: IdleActions;
  readonly announcer: Announcer;
  readonly board: INoticeBoard;
  readonly disclosure: Disclosure;
  readonly documents: OpenDocuments;
  readonly speech: Speech;
  settings(): ILccSettings;
}

export const ILcc = new Token<ILcc>(
  'jupyter-lcc:ILcc',
  'What is known of idle shutdown, and what a person can do about it.'
);

/** The parts of environments and of long work. */
export type ILccWork = IWork;

export const ILccWork = new Token<ILccWork>(
  'jupyter-lcc:ILccWork',
  'Environments, and the long work on them.'
);

/** The parts of package lists. */
export type ILccLists = ILists;

export const ILccLists = new Token<ILccLists>(
  'jupyter-lcc:ILccLists',
  'Environments that equal a list which many machines share.'
);
