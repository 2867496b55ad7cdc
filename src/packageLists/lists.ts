import type { PackageListActions } from './actions';
import type { PackageListsModel } from './model';
import type { ListWorkbench } from './workbench';

/** The parts of package lists that the panel and the commands share. */
export interface ILists {
  readonly model: PackageListsModel;
  readonly actions: PackageListActions;
  readonly workbench: ListWorkbench;
}
