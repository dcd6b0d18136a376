const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-9a-f][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** True for a lower-case UUID (RFC 9562), the only form an id may have: it is a blob name and an idempotency key. */
export function isMessageId(text: string): boolean {
  return UUID.test(text);
}

/** Random bytes are drawn in stock: a draw costs a system call, and a busy edge mints thousands of ids a second. */
const stock = new Uint8Array(4096);
let used = stock.length;

function randomBytes(count: number): Uint8Array {
  if (used + count > stock.length) {
    crypto.getRandomValues(stock);
    used = 0;
  }
  used += count;
  return stock.slice(used - count, used);
}

/** A new UUIDv7 (RFC 9562 section 5.7): milliseconds first, so ids sort by the time they were minted. */
export function newMessageId(now: number = Date.now()): string {
  const bytes = randomBytes(16);
  let rest = now;
  for (let i = 5; i >= 0; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
