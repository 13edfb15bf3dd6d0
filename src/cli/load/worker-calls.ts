/**
 * Calls per worker over the whole test. A client forgets its count of a worker that went away and came back, so what it
 * says is added up here.
 */
export class WorkerCalls {
  private readonly totals = new Map<string, number>();
  private readonly seen = new Map<string, number>();

  /** Leaves out what was counted before the test. */
  skip(workers: readonly { readonly id: string; readonly calls: number }[]): void {
    for (const { id, calls } of workers) this.seen.set(id, calls);
  }

  /** Takes the client's present counts; call it at least once a second. */
  update(workers: readonly { readonly id: string; readonly calls: number }[]): void {
    for (const { id, calls } of workers) {
      const before = this.seen.get(id) ?? 0;
      this.totals.set(id, (this.totals.get(id) ?? 0) + (calls >= before ? calls - before : calls));
      this.seen.set(id, calls);
    }
    const present = new Set(workers.map(({ id }) => id));
    for (const id of this.seen.keys()) if (!present.has(id)) this.seen.delete(id);
  }

  /** By id, in order. */
  counts(): [id: string, calls: number][] {
    return [...this.totals].sort(([a], [b]) => ORDER.compare(a, b));
  }
}

const ORDER = new Intl.Collator('en', { numeric: true });
