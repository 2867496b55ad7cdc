import { Notification } from '@jupyterlab/apputils';

export interface INoticeAction {
  readonly label: string;
  readonly kind: 'accent' | 'warn' | 'default';
  /** What it does; the notice stays open, whoever acts closes or changes it. */
  run(): void;
}

export interface INotice {
  readonly message: string;
  readonly type: 'info' | 'success' | 'warning' | 'error';
  readonly actions?: readonly INoticeAction[];
  /** Milliseconds after which it goes away by itself; false is never. */
  readonly autoClose: number | false;
}

/** Where notices are shown: JupyterLab's notifications, or a test's list. */
export interface INoticeBoard {
  show(notice: INotice): string;
  update(id: string, notice: INotice): void;
  dismiss(id: string): void;
  has(id: string): boolean;
}

/** JupyterLab's own notifications. */
export const jupyterNotices: INoticeBoard = {
  show: notice => Notification.emit(notice.message, notice.type, optionsOf(notice)),
  update: (id, notice) => {
    Notification.update({ id, message: notice.message, type: notice.type, ...optionsOf(notice) });
  },
  dismiss: id => Notification.dismiss(id),
  has: id => Notification.manager.has(id)
};

function optionsOf(notice: INotice): Notification.IOptions<null> {
  return {
    autoClose: notice.autoClose,
    actions: (notice.actions ?? []).map(({ label, kind, run }) => ({
      label,
      displayType: kind,
      callback: event => {
        event.preventDefault(); // or the notification closes
        run();
      }
    }))
  };
}
