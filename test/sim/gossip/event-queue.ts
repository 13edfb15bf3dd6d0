/** Events by time, those of one instant in the order they were added: a binary heap over typed arrays. */
export class EventQueue<T> {
  private times = new Float64Array(1_024);
  private orders = new Float64Array(1_024);
  private readonly values: T[] = [];
  private added = 0;

  get size(): number {
    return this.values.length;
  }

  nextMs(): number {
    return this.values.length === 0 ? Number.POSITIVE_INFINITY : this.times[0]!;
  }

  add(atMs: number, value: T): void {
    const size = this.values.length;
    if (size === this.times.length) this.grow();
    this.values.push(value);
    this.added += 1;
    const order = this.added;
    let at = size;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (this.times[parent]! <= atMs) break; // an equal time was added before
      this.move(parent, at);
      at = parent;
    }
    this.set(at, atMs, order, value);
  }

  pop(): T {
    const first = this.values[0]!;
    const size = this.values.length - 1;
    const time = this.times[size]!;
    const order = this.orders[size]!;
    const value = this.values.pop()!;
    if (size === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.isBefore(child + 1, this.times[child]!, this.orders[child]!)) child += 1;
      if (!this.isBefore(child, time, order)) break;
      this.move(child, at);
      at = child;
    }
    this.set(at, time, order, value);
    return first;
  }

  private isBefore(at: number, time: number, order: number): boolean {
    return this.times[at]! < time || (this.times[at]! === time && this.orders[at]! < order);
  }

  private move(from: number, to: number): void {
    this.times[to] = this.times[from]!;
    this.orders[to] = this.orders[from]!;
    this.values[to] = this.values[from]!;
  }

  private set(at: number, time: number, order: number, value: T): void {
    this.times[at] = time;
    this.orders[at] = order;
    this.values[at] = value;
  }

  private grow(): void {
    const times = new Float64Array(this.times.length * 2);
    const orders = new Float64Array(this.times.length * 2);
    times.set(this.times);
    orders.set(this.orders);
    this.times = times;
    this.orders = orders;
  }
}
