/** All that the stories want of Node. */
declare const process: { readonly env: Readonly<Record<string, string | undefined>> }
