import type { ISettingRegistry } from '@jupyterlab/settingregistry';

/** What a person chose in the settings editor; the defaults are those of schema/plugin.json. */
export interface ILccSettings {
  readonly statusBar: boolean;
  readonly notifications: boolean;
  readonly markTitle: boolean;
  readonly keepMinutes: number;
}

export const DEFAULT_SETTINGS: ILccSettings = {
  statusBar: true,
  notifications: true,
  markTitle: true,
  keepMinutes: 60
};

/** Read the settings; where there is no registry, or a value of the wrong kind, the default holds. */
export function readSettings(settings: ISettingRegistry.ISettings | null): ILccSettings {
  const composite = settings?.composite ?? {};
  const flag = (name: 'statusBar' | 'notifications' | 'markTitle'): boolean => {
    const value = composite[name];
    return typeof value === 'boolean' ? value : DEFAULT_SETTINGS[name];
  };
  const minutes = composite['keepMinutes'];
  return {
    statusBar: flag('statusBar'),
    notifications: flag('notifications'),
    markTitle: flag('markTitle'),
    keepMinutes: typeof minutes === 'number' && minutes >= 1 ? minutes : DEFAULT_SETTINGS.keepMinutes
  };
}
