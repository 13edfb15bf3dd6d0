/** Takes a command's work, which resolves to the exit code. */
export type Finish = (work: Promise<number>) => Promise<void>;
