/** Header text as a person reads it: encoded words, and the raw 8-bit or ISO-2022-JP bytes that devices write instead. */
import libmime from 'libmime';

/** @param raw an unfolded header value, one character per byte */
export function decodeText(raw: string): string {
  const text = decodeRaw(raw);
  let decoded: string;
  try {
    decoded = libmime.decodeWords(text);
  } catch {
    // A charset that nobody knows: the encoded word is shown as it is, as mail programs do.
    decoded = text;
  }
  return withoutControls(decoded);
}

/** Controls and line breaks out: they mean nothing in a name or a subject, and break whatever shows it. */
export function withoutControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is the controls that have to go.
  return text.replace(/[\u0000-\u001f\u007f\u2028\u2029]+/g, ' ').trim();
}

/** Whether a text holds bytes that RFC 5322 does not allow in a header, and that somebody wrote there all the same. */
export function holdsRawBytes(raw: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ESC is what ISO-2022-JP switches by.
  return /[\u0080-\u00ff]|\u001b[$(]/.test(raw);
}

/**
 * Raw bytes to text. Nothing says which charset they are in, so: what is valid UTF-8 is UTF-8; escapes are ISO-2022-JP;
 * what is valid Shift_JIS and starts its characters mostly with 0x81 to 0x9F, which Western text hardly ever holds, is
 * Shift_JIS; the rest is windows-1252, in which every byte means something.
 */
export function decodeRaw(raw: string): string {
  if (!holdsRawBytes(raw)) return raw;
  const bytes = Buffer.from(raw, 'latin1');
  const utf8 = decodeAs('utf-8', bytes);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ESC is what ISO-2022-JP switches by.
  if (/\u001b[$(]/.test(raw)) return decodeAs('iso-2022-jp', bytes) ?? utf8 ?? raw;
  if (utf8 !== undefined) return utf8;
  const japanese = decodeAs('shift_jis', bytes);
  if (japanese !== undefined && looksLikeShiftJis(bytes)) return japanese;
  return new TextDecoder('windows-1252').decode(bytes);
}

function decodeAs(charset: string, bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder(charset, { fatal: true }).decode(bytes);
  } catch {
    // Not in this charset.
    return undefined;
  }
}

function looksLikeShiftJis(bytes: Uint8Array): boolean {
  let typical = 0;
  let other = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte < 0x80) continue;
    if (byte >= 0x81 && byte <= 0x9f) {
      typical++;
      at++;
    } else if (byte >= 0xe0) {
      other++;
      at++;
    }
  }
  return typical > 0 && typical >= other;
}
