// Which message goes next: the one due for longest, in turn among senders.

/** What the queue looks at. `due` must not change while the item is in the queue. */
export interface DueItem {
  readonly due: number;
  readonly sender: string;
}

/**
 * Items wait in a heap until they are due, then in one line per sender; the lines are served in turn, so that a
 * flood from one sender does not hold up the others. Within a line the order is that of falling due.
 */
export interface DueQueue<Item extends DueItem> {
  add(item: Item): void;
  /** Removes and returns the next item due at `now`. */
  take(now: number): Item | undefined;
  /** When the next item falls due; 0 when one is due already; undefined when there is none. */
  nextDue(): number | undefined;
  /** Takes out every item `unwanted` is true for. */
  remove(unwanted: (item: Item) => boolean): Item[];
  readonly size: number;
}

interface Line<Item> {
  items: Item[];
  head: number;
}

/** An empty queue. */
export function createDueQueue<Item extends DueItem>(): DueQueue<Item> {
  let waiting: Item[] = [];
  const lines = new Map<string, Line<Item>>();
  let turn: Iterator<[string, Line<Item>]> = lines.entries();
  let ready = 0;

  function release(now: number): void {
    while (waiting.length > 0 && waiting[0]!.due <= now) {
      const item = popSmallest(waiting)!;
      const line = lines.get(item.sender);
      if (line) line.items.push(item);
      else lines.set(item.sender, { items: [item], head: 0 });
      ready++;
    }
  }

  function nextLine(): [string, Line<Item>] {
    let step = turn.next();
    if (step.done) {
      turn = lines.entries();
      step = turn.next();
    }
    return step.value as [string, Line<Item>];
  }

  return {
    add: (item) => push(waiting, item),
    take(now) {
      release(now);
      if (ready === 0) return undefined;
      const [sender, line] = nextLine();
      const item = line.items[line.head++]!;
      if (line.head === line.items.length) lines.delete(sender);
      else if (line.head > 1000 && line.head * 2 > line.items.length) {
        line.items = line.items.slice(line.head);
        line.head = 0;
      }
      ready--;
      return item;
    },
    nextDue: () => (ready > 0 ? 0 : waiting[0]?.due),
    remove(unwanted) {
      const all = [...waiting, ...[...lines.values()].flatMap((line) => line.items.slice(line.head))];
      const gone = all.filter(unwanted);
      if (gone.length === 0) return gone;
      waiting = [];
      lines.clear();
      turn = lines.entries();
      ready = 0;
      const dropped = new Set(gone);
      for (const item of all) if (!dropped.has(item)) push(waiting, item);
      return gone;
    },
    get size() {
      return waiting.length + ready;
    },
  };
}

function push<Item extends DueItem>(heap: Item[], item: Item): void {
  let at = heap.push(item) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (heap[parent]!.due <= item.due) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = item;
}

function popSmallest<Item extends DueItem>(heap: Item[]): Item | undefined {
  const smallest = heap[0];
  const last = heap.pop();
  if (heap.length === 0 || last === undefined) return smallest;
  let at = 0;
  for (;;) {
    let child = at * 2 + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1]!.due < heap[child]!.due) child++;
    if (heap[child]!.due >= last.due) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
  return smallest;
}
