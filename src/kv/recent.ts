/**
 * What was looked up last, by id: nearly all commands come from a few sessions, and finding one of these again costs a
 * comparison instead of a search. Holds no more than `PLACES` items; who ends or replaces an item says so.
 */
export class Recent<T extends { readonly id: number }> {
  private readonly places: (T | undefined)[] = new Array<T | undefined>(PLACES).fill(undefined);

  get(id: number): T | undefined {
    const found = this.places[id & (PLACES - 1)];
    return found?.id === id ? found : undefined;
  }

  set(item: T): void {
    this.places[item.id & (PLACES - 1)] = item;
  }

  forget(id: number): void {
    if (this.get(id) !== undefined) this.places[id & (PLACES - 1)] = undefined;
  }
}

/** Ids are given out in order: as many sessions one after the other keep out of each other's way. */
const PLACES = 64;
