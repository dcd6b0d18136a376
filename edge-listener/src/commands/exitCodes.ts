/** It was done. */
export const EXIT_OK = 0;
/** It could not be done: a port in use, a spool that cannot be written, nobody answering. */
export const EXIT_CANNOT = 1;
/** The command line or the configuration is wrong; nothing was tried. */
export const EXIT_CONFIGURATION = 2;
