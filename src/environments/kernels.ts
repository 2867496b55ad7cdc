import type { KernelSpec } from '@jupyterlab/services';

import type { EnvironmentsModel } from './model';

/** JupyterLab's own list of kernels, of which the launcher and the kernel picker show. */
type Specs = Pick<KernelSpec.IManager, 'specs' | 'refreshSpecs'>;

/**
 * Let JupyterLab know of a kernel that was registered or taken away, without a reload of the page.
 */
export class KernelList {
  constructor(
    private readonly _model: EnvironmentsModel,
    private readonly _specs: Specs
  ) {
    _model.stateChanged.connect(this._onState, this);
  }

  /** Wait until JupyterLab knows a kernel. Gives whether it does. */
  async know(specName: string): Promise<boolean> {
    if (!this._knows(specName)) {
      await this._specs.refreshSpecs();
    }
    return this._knows(specName);
  }

  private _onState(): void {
    const { list } = this._model.state;
    if (list === null || list === this._list) {
      return;
    }
    const first = this._list === null;
    this._list = list;
    const ours = list.environments.flatMap(({ kernel }) => (kernel?.ours ? [kernel] : []));
    const now = ours.map(({ spec_name, display_name }) => `${spec_name}\n${display_name}`).sort();
    const before = this._ours;
    this._ours = now.join('\n\n');
    const unknown = ours.some(({ spec_name }) => !this._knows(spec_name));
    if (unknown || (!first && this._ours !== before)) {
      this._specs.refreshSpecs().catch(() => undefined); // JupyterLab asks again by itself
    }
  }

  private _knows(specName: string): boolean {
    return this._specs.specs?.kernelspecs[specName] !== undefined;
  }

  private _list: object | null = null;
  private _ours = '';
}
