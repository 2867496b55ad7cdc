export * from './machine';
export * from './notices';
export * from './problems';
export * from './speech';
export * from './targets';
export * from './why';
