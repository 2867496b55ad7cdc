import { deferred } from '../deferred';

/** The views of package lists, once somebody looks at them; they show plans and jobs with those of environments. */
export const Deferred = deferred(() => import(/* webpackChunkName: "environments" */ './views'));
