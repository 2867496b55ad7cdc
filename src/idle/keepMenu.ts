import { MenuSvg } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';

import { CommandIDs } from '../commandIds';
import type { Target } from '../api/generated';
import { HOUR_SECONDS, keepChoices } from './targets';

const CHOICES = [HOUR_SECONDS, 4 * HOUR_SECONDS];

/** Open the menu of a Keep button: for an hour, four hours, or as long as the policy gives. */
export function openKeepMenu(
  commands: CommandRegistry,
  target: Target,
  longest: number,
  anchor: HTMLElement
): void {
  const menu = new MenuSvg({ commands });
  menu.addClass('jp-Lcc-menu');
  for (const seconds of keepChoices([...CHOICES, longest], longest)) {
    menu.addItem({
      command: CommandIDs.keep,
      args: { target_id: target.id, seconds, is_longest: seconds === longest }
    });
  }
  const { left, bottom } = anchor.getBoundingClientRect();
  menu.aboutToClose.connect(() => {
    anchor.focus();
    // The chosen command is executed after this signal.
    requestAnimationFrame(() => menu.dispose());
  }, menu);
  menu.open(left, bottom);
}
