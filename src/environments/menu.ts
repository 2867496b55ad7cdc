import { MenuSvg } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';

import type { Environment } from '../api/generated';
import { CommandIDs } from '../commandIds';

/** Open the menu of an environment. */
export function openEnvironmentMenu(
  commands: CommandRegistry,
  { name, kernel }: Environment,
  anchor: HTMLElement
): void {
  const menu = new MenuSvg({ commands });
  menu.addClass('jp-Lcc-menu');
  const args = { name };
  const groups = [
    [CommandIDs.openEnvironmentNotebook, CommandIDs.installPackages, CommandIDs.updatePackages],
    [
      CommandIDs.cloneEnvironment,
      CommandIDs.renameEnvironment,
      CommandIDs.exportEnvironment,
      kernel ? CommandIDs.unregisterKernel : CommandIDs.registerKernel,
      CommandIDs.diagnoseEnvironment
    ],
    [CommandIDs.deleteEnvironment]
  ];
  groups.forEach((ids, index) => {
    if (index > 0) {
      menu.addItem({ type: 'separator' });
    }
    ids.forEach(command => menu.addItem({ command, args: { ...args, in_menu: true } }));
  });
  const { left, bottom } = anchor.getBoundingClientRect();
  menu.aboutToClose.connect(() => {
    anchor.focus();
    // The chosen command is executed after this signal.
    requestAnimationFrame(() => menu.dispose());
  }, menu);
  menu.open(left, bottom);
}
