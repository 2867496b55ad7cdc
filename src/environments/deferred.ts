import { deferred } from '../deferred';

/** The views of environments and jobs, once somebody looks at them. */
export const Deferred = deferred(() => import(/* webpackChunkName: "environments" */ './views'));
