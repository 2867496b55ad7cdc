import { MenuSvg } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';

import { CommandIDs } from '../commandIds';

const GROUPS: readonly (readonly string[])[] = [
  [CommandIDs.syncPackageList, CommandIDs.pullPackageList],
  [CommandIDs.editPackageList, CommandIDs.publishPackageList, CommandIDs.packageListHistory],
  [CommandIDs.removePackageList]
];

/** Open the menu of a list. */
export function openListMenu(commands: CommandRegistry, name: string, anchor: HTMLElement): void {
  const menu = new MenuSvg({ commands });
  menu.addClass('jp-Lcc-menu');
  GROUPS.forEach((ids, index) => {
    if (index > 0) {
      menu.addItem({ type: 'separator' });
    }
    ids.forEach(command => menu.addItem({ command, args: { name, in_menu: true } }));
  });
  const { left, bottom } = anchor.getBoundingClientRect();
  menu.aboutToClose.connect(() => {
    anchor.focus();
    // The chosen command is executed after this signal.
    requestAnimationFrame(() => menu.dispose());
  }, menu);
  menu.open(left, bottom);
}
