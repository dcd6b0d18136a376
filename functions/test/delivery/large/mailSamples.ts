// Messages as devices and people write them, of any size.
import { createHash } from 'node:crypto';

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Bytes that no compression and no luck make equal to others, the same for the same seed. */
export function someBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed * 2654435761;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

export function base64Lines(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/.{76}/g, '$&\r\n');
}

export interface SamplePart {
  /** Header lines without their CRLF, one character per byte. */
  readonly header: readonly string[];
  /** The body as it stands in the message. */
  readonly body: string;
}

/** A part with base64 content. */
export function binaryPart(bytes: Uint8Array, ...header: string[]): SamplePart {
  return { header: [...header, 'Content-Transfer-Encoding: base64'], body: base64Lines(bytes) };
}

export function textPart(text: string, type = 'text/plain; charset=utf-8'): SamplePart {
  return { header: [`Content-Type: ${type}`, 'Content-Transfer-Encoding: 8bit'], body: utf8(text) };
}

/** Text as the bytes of its UTF-8, one character per byte. */
export function utf8(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** A container as a part of another. */
export function container(
  type: string,
  parts: readonly SamplePart[],
  boundary = `=_${parts.length}_${type}`,
): SamplePart {
  const each = parts.map(({ header, body }) => `--${boundary}\r\n${header.join('\r\n')}\r\n\r\n${body}\r\n`);
  return { header: [`Content-Type: ${type}; boundary="${boundary}"`], body: `${each.join('')}--${boundary}--\r\n` };
}

export const FROM_TO = ['From: Scanner <scan@contoso.com>', 'To: bob@contoso.com', 'Subject: Scan'];

/** A message whose content is this part. */
export function message(part: SamplePart, header: readonly string[] = FROM_TO): Buffer {
  const lines = [...header, 'Date: Mon, 23 Nov 2026 10:00:00 +0000', 'MIME-Version: 1.0', ...part.header];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${part.body}`, 'latin1');
}

/** A scan as most devices send it: a line of text and a PDF. */
export function scan(bytes: number, header: readonly string[] = FROM_TO): Buffer {
  return message(
    container('multipart/mixed', [
      textPart('Scanned from the second floor.'),
      binaryPart(
        someBytes(bytes),
        'Content-Type: application/pdf; name="scan.pdf"',
        'Content-Disposition: attachment; filename="scan.pdf"',
      ),
    ]),
    header,
  );
}
