// Which message goes next: the one due for longest, in turn among senders.

/** What the queue looks at. `due` must not change while the item is in the queue. */
export interface DueItem {
  readonly due: number;
  readonly sender: string;
}

/**
 * Items wait in a heap until they are due, then in one line per sender; the lines are served in turn, so that a
 * flood from one sender does not hold up the others. Within a line the order is that of falling due, and among items
 * due at the same moment that of coming in.
 */
export interface DueQueue<Item extends DueItem> {
  add(item: Item): void;
  /** Removes and returns the next item due at `now`. */
  take(now: number): Item | undefined;
  /** When the next item falls due; 0 when one is due already; undefined when there is none. */
  nextDue(): number | undefined;
  /** Takes this item out; costs nothing much however long the queue is. */
  remove(item: Item): void;
  readonly size: number;
}

/** An item's place. A place whose item was removed or added anew is stale: it is passed over when its turn comes. */
interface Place<Item> {
  readonly item: Item;
  readonly due: number;
  readonly order: number;
  released: boolean;
}

interface Line<Item> {
  places: Place<Item>[];
  head: number;
}

/** Stale places are cleared away when there are more of them than others, and more than this. */
const MANY_STALE = 1000;

/** An empty queue. */
export function createDueQueue<Item extends DueItem>(): DueQueue<Item> {
  let waiting: Place<Item>[] = [];
  const places = new Map<Item, Place<Item>>();
  const lines = new Map<string, Line<Item>>();
  let turn: Iterator<[string, Line<Item>]> = lines.entries();
  let ready = 0;
  let added = 0;

  const isStale = (place: Place<Item>) => places.get(place.item) !== place;

  function dropStaleHead(): void {
    while (waiting.length > 0 && isStale(waiting[0]!)) popSmallest(waiting);
  }

  function release(now: number): void {
    for (dropStaleHead(); waiting.length > 0 && waiting[0]!.due <= now; dropStaleHead()) {
      const place = popSmallest(waiting)!;
      const { sender } = place.item;
      const line = lines.get(sender);
      if (line) line.places.push(place);
      else lines.set(sender, { places: [place], head: 0 });
      place.released = true;
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

  /** The next place of the line that is not stale; the line goes when it has no more. */
  function shift(sender: string, line: Line<Item>): Place<Item> | undefined {
    let found: Place<Item> | undefined;
    while (!found && line.head < line.places.length) {
      const place = line.places[line.head++]!;
      if (!isStale(place)) found = place;
    }
    if (line.head === line.places.length) lines.delete(sender);
    else if (line.head > 1000 && line.head * 2 > line.places.length) {
      line.places = line.places.slice(line.head);
      line.head = 0;
    }
    return found;
  }

  function sweepStale(): void {
    const live = places.size - ready;
    if (waiting.length - live < Math.max(MANY_STALE, live)) return;
    const kept = waiting.filter((place) => !isStale(place));
    waiting = [];
    for (const place of kept) push(waiting, place);
  }

  function remove(item: Item): void {
    const place = places.get(item);
    if (!place) return;
    places.delete(item);
    if (place.released) ready--;
  }

  return {
    add(item) {
      remove(item);
      const place = { item, due: item.due, order: added++, released: false };
      places.set(item, place);
      push(waiting, place);
      sweepStale();
    },
    take(now) {
      release(now);
      while (ready > 0) {
        const place = shift(...nextLine());
        if (!place) continue;
        remove(place.item);
        return place.item;
      }
      return undefined;
    },
    nextDue() {
      dropStaleHead();
      return ready > 0 ? 0 : waiting[0]?.due;
    },
    remove,
    get size() {
      return places.size;
    },
  };
}

function isBefore(a: Place<unknown>, b: Place<unknown>): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}

function push<Item>(heap: Place<Item>[], place: Place<Item>): void {
  let at = heap.push(place) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (isBefore(heap[parent]!, place)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = place;
}

function popSmallest<Item>(heap: Place<Item>[]): Place<Item> | undefined {
  const smallest = heap[0];
  const last = heap.pop();
  if (heap.length === 0 || last === undefined) return smallest;
  let at = 0;
  for (;;) {
    let child = at * 2 + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
    if (isBefore(last, heap[child]!)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
  return smallest;
}
