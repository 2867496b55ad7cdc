import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { DisposableSet } from '@lumino/disposable';

export type Args = ReadonlyPartialJSONObject;

/** The commands of one feature: each with a label of its own in the menu of what it is done with. */
export class FeatureCommands extends DisposableSet {
  constructor(
    private readonly _commands: CommandRegistry,
    private readonly _inMenu: { readonly type: 'boolean'; readonly description: string }
  ) {
    super();
  }

  addCommand(
    id: string,
    label: string,
    inMenu: string,
    properties: ReadonlyPartialJSONObject,
    isEnabled: (args: Args) => boolean,
    execute: (args: Args) => unknown
  ): void {
    this.add(
      this._commands.addCommand(id, {
        label: args => (args['in_menu'] === true ? inMenu : label),
        isEnabled,
        execute: async args => {
          await execute(args);
        },
        describedBy: { args: { type: 'object', properties: { ...properties, in_menu: this._inMenu } } }
      })
    );
  }
}

/** Give the name that was given, or let it be chosen; null: nothing was. */
export async function nameFrom(args: Args, choose: () => Promise<string | null>): Promise<string | null> {
  const name = args['name'];
  return typeof name === 'string' && name !== '' ? name : choose();
}
