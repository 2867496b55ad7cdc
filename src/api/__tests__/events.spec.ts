import type { Event } from '@jupyterlab/services';
import { Stream } from '@lumino/signaling';

import {
  IDLE_EVENT,
  IdleEvents,
  ListEvents,
  PACKAGE_LISTS_EVENT,
  readEvent,
  type IIdleEvent,
  type IListEvent
} from '../events';

describe('readEvent', () => {
  it('reads ours', () => {
    const event = { schema_id: IDLE_EVENT, kind: 'warning', target_id: 'kernel:k1' };
    expect(readEvent(event)).toEqual({ kind: 'warning', targetId: 'kernel:k1' });
  });

  it.each<Event.Emission>([
    { schema_id: 'https://schema.jupyter.org/other/v1', kind: 'warning' },
    { schema_id: IDLE_EVENT, kind: 'of_a_newer_server' },
    { schema_id: IDLE_EVENT }
  ])('passes over %j', emission => {
    expect(readEvent(emission)).toBeNull();
  });
});

describe('IdleEvents', () => {
  it('tells of our events until it is disposed of', () => {
    const owner = {} as Event.IManager;
    const stream = new Stream<Event.IManager, Event.Emission>(owner);
    const events = new IdleEvents({ stream });
    const heard: IIdleEvent[] = [];
    events.received.connect((_, event) => heard.push(event));
    stream.emit({ schema_id: IDLE_EVENT, kind: 'changed' });
    stream.emit({ schema_id: 'other', kind: 'changed' });
    events.dispose();
    stream.emit({ schema_id: IDLE_EVENT, kind: 'changed' });
    expect(heard).toEqual([{ kind: 'changed', targetId: null }]);
  });
});

describe('ListEvents', () => {
  it('tells of package lists by name, and passes over kinds of a newer server', () => {
    const stream = new Stream<Event.IManager, Event.Emission>({} as Event.IManager);
    const heard: IListEvent[] = [];
    new ListEvents({ stream }).received.connect((_, event) => heard.push(event));
    stream.emit({ schema_id: PACKAGE_LISTS_EVENT, kind: 'drifted', name: 'team' });
    stream.emit({ schema_id: PACKAGE_LISTS_EVENT, kind: 'sources' });
    stream.emit({ schema_id: PACKAGE_LISTS_EVENT, kind: 'of_a_newer_server' });
    stream.emit({ schema_id: IDLE_EVENT, kind: 'changed' });
    expect(heard).toEqual([
      { kind: 'drifted', name: 'team' },
      { kind: 'sources', name: null }
    ]);
  });
});
