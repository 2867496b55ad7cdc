import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { DisposableSet, type IDisposable } from '@lumino/disposable';

import type { Stopped } from './api/generated';
import { CommandIDs } from './commandIds';
import { lifeCycleIcon } from './icons';
import type { IdleActions } from './idle/actions';
import type { Disclosure } from './idle/disclosure';
import type { OpenDocuments } from './idle/documents';
import type { IdleModel } from './idle/model';
import { PANEL_ID } from './idle/panelWidget';
import { HOUR_SECONDS, MACHINE } from './idle/targets';
import { nameOf, type Speech } from './idle/words';
import type { ILccSettings } from './settings';

export interface ICommandsOptions {
  readonly shell: JupyterFrontEnd.IShell;
  readonly model: IdleModel;
  readonly actions: IdleActions;
  readonly disclosure: Disclosure;
  readonly documents: OpenDocuments;
  readonly speech: Speech;
  settings(): ILccSettings;
}

const TARGET_ID = {
  type: 'string',
  description:
    'A target: kernel:<uuid>, terminal:<name>, process:<pid> or instance. The document in front if left out.'
} as const;

/** The commands the palette offers without arguments; those that need some are added apart. */
export const IN_PALETTE: readonly string[] = [
  CommandIDs.openPanel,
  CommandIDs.keep,
  CommandIDs.endLease,
  CommandIDs.why,
  CommandIDs.whoKeeps,
  CommandIDs.showTarget,
  CommandIDs.reopen,
  CommandIDs.dismissStopped,
  CommandIDs.editLimits,
  CommandIDs.refresh
];

/** Register what concerns idle shutdown as commands. */
export function addCommands(commands: CommandRegistry, options: ICommandsOptions): IDisposable {
  const { shell, model, actions, disclosure, documents, speech, settings } = options;
  const { trans } = speech;
  const targetOf = (args: ReadonlyPartialJSONObject): string | null => {
    const given = args['target_id'];
    return typeof given === 'string' ? given : documents.current();
  };
  const nameOfTarget = (args: ReadonlyPartialJSONObject): string | null => {
    const target = model.find(targetOf(args) ?? '');
    return target && nameOf(speech, target);
  };
  const open = (): void => shell.activateById(PANEL_ID);
  const owned = new DisposableSet();
  const ready = (): boolean => model.state.phase === 'ready';

  owned.add(
    commands.addCommand(CommandIDs.openPanel, {
      label: trans.__('Show the Life Cycle Panel'),
      caption: trans.__('Show what runs, until when, and why'),
      icon: lifeCycleIcon,
      execute: open,
      describedBy: { args: { type: 'object', properties: {} } }
    })
  );
  owned.add(
    commands.addCommand(CommandIDs.keep, {
      label: args => {
        const asked = args['seconds'];
        const seconds = typeof asked === 'number' ? asked : settings().keepMinutes * 60;
        const duration = speech.exactDuration(seconds);
        if (args['is_longest'] === true) {
          return trans.__('Keep until unpinned (at most %1)', duration);
        }
        if (typeof asked === 'number') {
          return trans.__('Keep for %1', duration);
        }
        const name = nameOfTarget(args);
        return name === null
          ? trans.__('Keep the Document in Front')
          : trans.__('Keep %1 for %2', name, duration);
      },
      caption: trans.__('Not shut down for a time, even if nobody uses it'),
      isEnabled: args => ready() && targetOf(args) !== null,
      execute: async args => {
        const targetId = targetOf(args);
        const { seconds, note } = args;
        if (targetId !== null) {
          await actions.keep(
            targetId,
            typeof seconds === 'number' ? seconds : settings().keepMinutes * 60,
            typeof note === 'string' ? note : null
          );
        }
      },
      describedBy: {
        args: {
          type: 'object',
          properties: {
            target_id: TARGET_ID,
            seconds: {
              type: 'integer',
              minimum: 1,
              description: `For how long; by default ${HOUR_SECONDS}.`
            },
            note: { type: 'string', maxLength: 200, description: 'Why, for whoever reads it later.' },
            is_longest: { type: 'boolean', description: 'Whether `seconds` is the most the policy gives.' }
          }
        }
      }
    })
  );
  owned.add(
    commands.addCommand(CommandIDs.endLease, {
      label: args => {
        const name = nameOfTarget(args);
        return name === null
          ? trans.__('Stop Keeping the Document in Front')
          : trans.__('Stop keeping %1', name);
      },
      isEnabled: args => ready() && typeof model.find(targetOf(args) ?? '')?.lease?.id === 'string',
      execute: async args => {
        const lease = model.find(targetOf(args) ?? '')?.lease;
        if (lease) {
          await actions.endLease(lease.id);
        }
      },
      describedBy: { args: { type: 'object', properties: { target_id: TARGET_ID } } }
    })
  );
  owned.add(
    commands.addCommand(CommandIDs.shutDown, {
      label: args => {
        const name = nameOfTarget(args);
        if (args['target_id'] === MACHINE) {
          return trans.__('Stop This Machine Now');
        }
        return name === null
          ? trans.__('Shut Down the Kernel or Terminal in Front')
          : trans.__('Shut down %1', name);
      },
      isEnabled: args => {
        const targetId = targetOf(args);
        const { view } = model.state;
        return (
          ready() && targetId !== null && (targetId !== MACHINE || view?.machine.stop.available === true)
        );
      },
      execute: async args => {
        const targetId = targetOf(args);
        if (targetId !== null) {
          await actions.shutDown(targetId);
        }
      },
      describedBy: { args: { type: 'object', properties: { target_id: TARGET_ID } } }
    })
  );
  owned.add(
    commands.addCommand(CommandIDs.shutDownAll, {
      label: args =>
        args['kind'] === 'terminal'
          ? trans.__('Shut Down All Idle Terminals')
          : trans.__('Shut Down All Idle Kernels'),
      isEnabled: args =>
        ready() && actions.idleOf(args['kind'] === 'terminal' ? 'terminal' : 'kernel').length > 0,
      execute: args => actions.shutDownAll(args['kind'] === 'terminal' ? 'terminal' : 'kernel'),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            kind: {
              type: 'string',
              enum: ['kernel', 'terminal'],
              description: 'What to shut down; kernels if left out.'
            }
          }
        }
      }
    })
  );
  owned.add(
    commands.addCommand(CommandIDs.why, {
      label: args => {
        const name = nameOfTarget(args);
        return name === null ? trans.__('Why Is It Still On?') : trans.__('Why is %1 still on?', name);
      },
      isEnabled: ready,
      execute: args => {
        const targetId = targetOf(args);
        disclosure.set(targetId === null || targetId === MACHINE ? 'machine' : 'targets', true);
        if (targetId !== null) {
          disclosure.set(`why:${targetId}`, true);
        }
        open();
      },
      describedBy: { args: { type: 'object', properties: { target_id: TARGET_ID } } }
    })
  );
  owned.add(
    commands.addCommand(CommandIDs.whoKeeps, {
      label: trans.__('Who Keeps This Machine On?'),
      isEnabled: ready,
      execute: () => {
        disclosure.set('machine', true);
        disclosure.set('holders', true);
        open();
      },
      describedBy: { args: { type: 'object', properties: {} } }
    })
  );
  owned.add(
    commands.addCommand(CommandIDs.showTarget, {
      label: args => {
        const name = nameOfTarget(args);
        return name === null ? trans.__('Show in the Life Cycle Panel') : trans.__('Show %1', name);
      },
      isEnabled: args => ready() && model.find(targetOf(args) ?? '') !== null,
      execute: args => {
        const targetId = targetOf(args);
        if (targetId !== null) {
          disclosure.set(targetId === MACHINE ? 'machine' : 'targets', true);
          open();
          disclosure.point(targetId);
        }
      },
      describedBy: { args: { type: 'object', properties: { target_id: TARGET_ID } } }
    })
  );
  const stoppedOf = (args: ReadonlyPartialJSONObject): readonly Stopped[] =>
    model.state.unseen.filter(
      stopped =>
        actions.reopenable(stopped).length > 0 &&
        (args['stopped_id'] === undefined || args['stopped_id'] === stopped.id)
    );
  owned.add(
    commands.addCommand(CommandIDs.reopen, {
      label: args =>
        args['stopped_id'] === undefined
          ? trans.__('Reopen All That Was Shut Down')
          : trans.__('Reopen What Was Shut Down'),
      caption: trans.__('Open the notebooks again and start their kernels'),
      isEnabled: args => stoppedOf(args).length > 0,
      execute: args => actions.reopen(stoppedOf(args)),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            stopped_id: {
              type: 'string',
              description: 'Which shutdown; all nobody has read about if left out.'
            }
          }
        }
      }
    })
  );
  owned.add(
    commands.addCommand(CommandIDs.dismissStopped, {
      label: trans.__('Dismiss What Was Shut Down'),
      isEnabled: () => model.state.unseen.length > 0,
      execute: () => actions.dismiss(),
      describedBy: { args: { type: 'object', properties: {} } }
    })
  );
  owned.add(
    commands.addCommand(CommandIDs.editLimits, {
      label: trans.__('Edit Idle Limits'),
      isEnabled: ready,
      execute: () => {
        disclosure.set('machine', true);
        disclosure.set('limits', true);
        open();
      },
      describedBy: { args: { type: 'object', properties: {} } }
    })
  );
  owned.add(
    commands.addCommand(CommandIDs.refresh, {
      label: trans.__('Refresh the Life Cycle Panel'),
      execute: () => model.refresh(),
      describedBy: { args: { type: 'object', properties: {} } }
    })
  );
  return owned;
}
