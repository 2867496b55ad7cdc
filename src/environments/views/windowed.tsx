import * as React from 'react';

interface IWindowedProps<T> {
  items: readonly T[];
  label: string;
  /** Before the first row can be measured, in pixels. */
  guess: number;
  keyOf(item: T): string;
  children(item: T): React.ReactNode;
}

/** Rows beyond both edges, so that the keyboard and a quick wheel find them there. */
const OVERSCAN = 8;

/** What is seen where the height can't be measured, e.g. in tests. */
const SOME_HEIGHT = 320;

/** A list of which only what can be seen is made, however long it is. All rows are of one height. */
export function Windowed<T>({ items, label, guess, keyOf, children }: IWindowedProps<T>): JSX.Element {
  const box = React.useRef<HTMLDivElement>(null);
  const [top, setTop] = React.useState(0);
  const [height, setHeight] = React.useState(SOME_HEIGHT);
  const [rowHeight, setRowHeight] = React.useState(guess);
  React.useLayoutEffect(() => {
    const measure = (): void => {
      const node = box.current;
      const row = node?.querySelector('li');
      if (node && node.clientHeight > 0) {
        setHeight(node.clientHeight);
      }
      if (row && row.offsetHeight > 0) {
        setRowHeight(row.offsetHeight);
      }
    };
    measure();
    const observer = typeof ResizeObserver === 'undefined' ? null : new ResizeObserver(measure);
    if (box.current) {
      observer?.observe(box.current);
    }
    return () => observer?.disconnect();
  }, [items.length === 0]);
  const first = Math.max(
    0,
    Math.floor(Math.min(top, items.length * rowHeight - height) / rowHeight) - OVERSCAN
  );
  const last = Math.min(items.length, Math.ceil((top + height) / rowHeight) + OVERSCAN);
  return (
    <div
      className="jp-Lcc-window"
      ref={box}
      role="group"
      aria-label={label}
      tabIndex={0}
      onScroll={event => setTop(event.currentTarget.scrollTop)}
    >
      <ul
        className="jp-Lcc-list"
        aria-label={label}
        style={{ paddingTop: first * rowHeight, paddingBottom: (items.length - last) * rowHeight }}
      >
        {items.slice(first, last).map((item, index) => (
          <li key={keyOf(item)} aria-setsize={items.length} aria-posinset={first + index + 1}>
            {children(item)}
          </li>
        ))}
      </ul>
    </div>
  );
}
