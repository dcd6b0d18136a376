// What scanners and fax servers attach: real formats, as large as asked for.
import { someBytes } from './mailSamples.ts';

/** A TIFF of several pages as fax servers send it (RFC 2301, T.37): each page a directory that names the next one's place. */
export function faxTiff(pages: number, bytesPerPage: number): Buffer {
  const chunks: Buffer[] = [Buffer.from('49492a00', 'hex')];
  const first = Buffer.alloc(4);
  first.writeUInt32LE(8);
  chunks.push(first);
  let at = 8;
  for (let page = 0; page < pages; page++) {
    const entries: readonly (readonly [tag: number, type: number, value: number])[] = [
      [254, 4, 2], // one page of several
      [256, 4, 1728], // width
      [257, 4, 2200], // height
      [258, 3, 1], // bits per sample
      [259, 3, 4], // compression: T.6
      [262, 3, 0], // white is zero
      [273, 4, at + 2 + 11 * 12 + 4], // where the strip is
      [277, 3, 1], // samples per pixel
      [278, 4, 2200], // rows per strip
      [279, 4, bytesPerPage], // bytes of the strip
      [297, 3, page], // page number
    ];
    const directory = Buffer.alloc(2 + entries.length * 12 + 4);
    directory.writeUInt16LE(entries.length, 0);
    for (const [index, [tag, type, value]] of entries.entries()) {
      const place = 2 + index * 12;
      directory.writeUInt16LE(tag, place);
      directory.writeUInt16LE(type, place + 2);
      directory.writeUInt32LE(1, place + 4);
      directory.writeUInt32LE(value, place + 8);
    }
    at += directory.length + bytesPerPage;
    if (page + 1 < pages) directory.writeUInt32LE(at, directory.length - 4);
    chunks.push(directory, someBytes(bytesPerPage, page + 20));
  }
  return Buffer.concat(chunks);
}

/** A JPEG by its markers; what lies between them is noise without markers, as entropy-coded data is. */
export function jpeg(bytes: number): Buffer {
  const start = Buffer.from('ffd8ffe000104a46494600010100000100010000', 'hex');
  const noise = someBytes(bytes, 7).map((byte) => (byte === 0xff ? 0xfe : byte));
  return Buffer.concat([start, noise, Buffer.from('ffd9', 'hex')]);
}

/** A PDF by its first and last lines, with a stream of noise in between. */
export function pdf(bytes: number): Buffer {
  const head = `%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Length ${bytes} >>\nstream\n`;
  const tail = '\nendstream\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n';
  return Buffer.concat([Buffer.from(head, 'latin1'), someBytes(bytes, 8), Buffer.from(tail)]);
}
