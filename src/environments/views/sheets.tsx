import * as React from 'react';

import type { Export, Feature } from '../../api/generated';
import { useSignal } from '../../idle/views/useSignal';
import type { Speech } from '../../idle/words';
import type { IWork } from '../work';
import type { Proposal } from '../workbench';
import { CreateSheet } from './createSheet';
import { ExportSheet } from './exportSheet';
import { ProposalSheet } from './proposalSheet';

export interface ISheetsProps {
  work: IWork;
  speech: Speech;
  feature(): Feature;
  save(file: Export): void;
  copy(text: string): void;
  /** A job was begun, so the panel is where to look now. */
  onBegun(): void;
}

/** Whichever sheet lies over the page. */
export function Sheets({ work, speech, feature, save, copy, onBegun }: ISheetsProps): JSX.Element | null {
  const { environments, environmentActions: actions, workbench } = work;
  useSignal(workbench.changed);
  useSignal(environments.stateChanged);
  const { sheet } = workbench;
  const onClose = (): void => workbench.show(null);
  const begun = <T,>(job: T): T => {
    onBegun();
    return job;
  };
  const apply = async (proposal: Proposal): Promise<void> => {
    if (proposal.kind === 'rollback') {
      await environments.rollBack(proposal.name, proposal.version);
    } else {
      await environments.change(proposal.name, proposal.wish);
      actions.emptyBasket(proposal.name);
    }
    onBegun();
  };
  switch (sheet?.kind) {
    case 'create':
      return (
        <CreateSheet
          wish={sheet.wish}
          list={environments.state.list}
          speech={speech}
          whyNot={whyNotOf(speech, feature())}
          names={(query, channels) => environments.names(query, channels)}
          plan={wish => environments.planCreate(wish)}
          create={wish => environments.create(wish).then(begun)}
          onClose={onClose}
        />
      );
    case 'proposal':
      return (
        <ProposalSheet
          proposal={sheet.proposal}
          speech={speech}
          plan={proposal =>
            proposal.kind === 'rollback'
              ? environments.planRollBack(proposal.name, proposal.version)
              : environments.planChange(proposal.name, proposal.wish)
          }
          apply={apply}
          onClose={onClose}
        />
      );
    case 'export':
      return (
        <ExportSheet
          name={sheet.name}
          speech={speech}
          read={(format, all) => environments.export(sheet.name, format, all)}
          save={save}
          copy={copy}
          onClose={onClose}
        />
      );
    default:
      return null;
  }
}

function whyNotOf({ trans }: Speech, { available }: Feature): string | null {
  return available
    ? null
    : trans.__('The part that installs packages is not there, so nothing can be made on this server.');
}
