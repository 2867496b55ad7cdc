import { deferred } from '../deferred';

/** The views of package lists, once somebody looks at them. */
export const Deferred = deferred(() => import(/* webpackChunkName: "package-lists" */ './views'));
