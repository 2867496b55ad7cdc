import * as React from 'react';

import { asLccError } from '../../api/errors';
import type { Plan } from '../../api/generated';
import type { Speech } from '../../idle/words';
import { Busy, Failure, SheetFrame, useAlive } from '../../sheet';
import type { Proposal } from '../workbench';
import { problemWords } from '../words';
import { PlanView } from './plan';

interface IProposalSheetProps {
  proposal: Proposal;
  speech: Speech;
  plan(proposal: Proposal): Promise<Plan>;
  /** Do it. */
  apply(proposal: Proposal): Promise<unknown>;
  onClose(): void;
}

/** What a change would do, before it is done. */
export function ProposalSheet({
  proposal,
  speech,
  plan: askPlan,
  apply,
  onClose
}: IProposalSheetProps): JSX.Element {
  const { trans } = speech;
  const [plan, setPlan] = React.useState<Plan | null>(null);
  const [problem, setProblem] = React.useState<string | null>(null);
  const [busy, setBusy] = React.useState(false);
  const [attempt, setAttempt] = React.useState(0);
  const alive = useAlive();
  React.useEffect(() => {
    setProblem(null);
    askPlan(proposal).then(
      answer => alive.current && setPlan(answer),
      reason => alive.current && setProblem(problemWords(speech, asLccError(reason)))
    );
  }, [proposal, attempt]);
  const doIt = async (): Promise<void> => {
    if (plan === null || busy || isEmpty(plan)) {
      return;
    }
    setBusy(true);
    try {
      await apply(proposal);
      onClose();
    } catch (reason) {
      if (alive.current) {
        setProblem(problemWords(speech, asLccError(reason)));
        setBusy(false);
      }
    }
  };
  const title =
    proposal.kind === 'rollback'
      ? trans.__('Roll %1 back to version %2', proposal.name, proposal.version)
      : trans.__('Change %1', proposal.name);
  const nothing = plan !== null && isEmpty(plan);
  return (
    <SheetFrame
      title={title}
      speech={speech}
      busy={busy || (plan === null && problem === null)}
      onClose={onClose}
      onSubmit={() => void doIt()}
      footer={
        <>
          <span className="jp-Lcc-spacer" />
          <button type="button" className="jp-Lcc-button" data-first onClick={onClose}>
            {nothing ? trans.__('Close') : trans.__('Cancel')}
          </button>
          {plan === null && problem !== null && (
            <button type="button" className="jp-Lcc-button" onClick={() => setAttempt(attempt + 1)}>
              {trans.__('Try again')}
            </button>
          )}
          {!nothing && (
            <button type="submit" className="jp-Lcc-button jp-mod-primary" disabled={plan === null || busy}>
              {proposal.kind === 'rollback' ? trans.__('Roll back') : trans.__('Change it')}
            </button>
          )}
        </>
      }
    >
      {plan === null && problem === null && <Busy text={trans.__('Finding versions that fit…')} />}
      {plan && <PlanView plan={plan} speech={speech} />}
      {problem !== null && <Failure text={problem} />}
    </SheetFrame>
  );
}

function isEmpty({ add, change, remove }: Plan): boolean {
  return add.length + change.length + remove.length === 0;
}
