/** Each file of the page, compressed with gzip, in base64. build.ts puts them in: they exist in the bundle only. */
declare const CONSOLE_FILES: Readonly<Record<'index.html' | 'app.js' | 'style.css', string>>

/** A part of the bundle of its own, loaded with the first request for the page: start-up does not read it. */
export const consoleFiles = CONSOLE_FILES
