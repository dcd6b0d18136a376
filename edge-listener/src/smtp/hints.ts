/** What a device seems to need, for the log and the inventory. */
export const hints = {
  bareLf: 'It seems to end messages with LF . LF; bareLfEnd: true for this device would take them.',
  oldTls: 'It seems to know only old TLS; a listener with legacyTls: true, for its network alone, would serve it.',
  noTls: 'It wants TLS in a way this listener does not have; one with tls: auto takes TLS in every way.',
} as const;
