import { ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import * as React from 'react';

import { lifeCycleIcon } from '../icons';
import { Panel, type IPanelProps } from './views/panel';

export const PANEL_ID = 'jupyter-lcc-panel';

/** The panel as JupyterLab's sidebar takes it. */
export class PanelWidget extends ReactWidget {
  constructor(private readonly _props: Omit<IPanelProps, 'visible'>) {
    super();
    const { trans } = this._props.speech;
    this.id = PANEL_ID;
    this.addClass('jp-Lcc-Panel');
    this.title.icon = lifeCycleIcon;
    this.title.caption = trans.__('Life cycle');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Life cycle'));
  }

  protected override render(): JSX.Element {
    return <Panel {...this._props} visible={this.isVisible} />;
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.update();
  }

  protected override onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this.update();
  }

  protected override onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    this.node.querySelector<HTMLElement>('.jp-Lcc-groupToggle, button')?.focus();
  }
}
