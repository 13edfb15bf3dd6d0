/**
 * Rows of 64 bytes under small whole numbers, in pages of plain memory: hundreds of thousands of them are nothing for
 * the garbage collector to visit or to move. What a row means is the owner's affair.
 *
 * ```
 *   row n      page n / 512, cells (n % 512) * 8 ... + 7, the same memory as ints (n % 512) * 16 ... + 15
 *   free row   its last int is the next free row of its page
 * ```
 *
 * A copy shares the pages; a page that a copy may see is copied before it is written to, or left to the copy, and never
 * reused. So a copy stays what it was, whether it is read to its end, later, or never.
 */
export class RowPages {
  private pages: RowPage[] = [];
  /** Raised by `copy`: pages of earlier ones are shared with copies. */
  private epoch = 0;
  private readonly books: PageBook[] = [];
  /** The page that rows are taken from. */
  private current = NO_ROW;
  /** The other pages with free rows, those that have had them the longest first: they have the most. */
  private firstRoomy = NO_ROW;
  private lastRoomy = NO_ROW;

  /** Rows are below. */
  get end(): number {
    return this.pages.length << PAGE_BITS;
  }

  /** The page of a row, to read. */
  page(row: number): RowPage {
    return this.pages[row >>> PAGE_BITS] as RowPage;
  }

  /** The page of a row, to write to; what `page` has returned before may no longer be it. */
  own(row: number): RowPage {
    const page = this.pages[row >>> PAGE_BITS] as RowPage;
    return page.epoch === this.epoch ? page : this.ownCopy(row >>> PAGE_BITS, page);
  }

  /** A row that nobody has; its content is undefined. */
  take(): number {
    if (this.current === NO_ROW || (this.books[this.current] as PageBook).free === NO_ROW) this.turn();
    const book = this.books[this.current] as PageBook;
    const row = book.free;
    book.free = this.own(row).ints[intsAt(row) + NEXT_FREE] as number;
    book.used += 1;
    return row;
  }

  /** Gives a row back; a page without rows gives its memory back. */
  release(row: number): void {
    const index = row >>> PAGE_BITS;
    const book = this.books[index] as PageBook;
    book.used -= 1;
    if (book.free === NO_ROW && index !== this.current) this.list(index);
    if (book.used === 0 && index !== this.current) {
      this.pages[index] = NO_PAGE;
      return;
    }
    this.own(row).ints[intsAt(row) + NEXT_FREE] = book.free;
    book.free = row;
  }

  /** A frozen copy, to read only. */
  copy(): RowPages {
    const copy = new RowPages();
    copy.pages = this.pages.slice();
    this.epoch += 1;
    return copy;
  }

  private ownCopy(index: number, page: RowPage): RowPage {
    const own = newPage(this.epoch);
    own.cells.set(page.cells);
    this.pages[index] = own;
    return own;
  }

  /** The current page is full: takes another one with free rows, or a new one. */
  private turn(): void {
    let index = this.firstRoomy;
    if (index === NO_ROW) {
      index = this.pages.length;
      this.books.push({ used: 0, free: NO_ROW, nextRoomy: NO_ROW });
    } else {
      this.firstRoomy = (this.books[index] as PageBook).nextRoomy;
      if (this.firstRoomy === NO_ROW) this.lastRoomy = NO_ROW;
    }
    const book = this.books[index] as PageBook;
    if (book.used === 0) {
      this.pages[index] = newPage(this.epoch, index << PAGE_BITS);
      book.free = index << PAGE_BITS;
    }
    this.current = index;
  }

  private list(index: number): void {
    (this.books[index] as PageBook).nextRoomy = NO_ROW;
    if (this.lastRoomy === NO_ROW) this.firstRoomy = index;
    else (this.books[this.lastRoomy] as PageBook).nextRoomy = index;
    this.lastRoomy = index;
  }
}

/** Views of the same memory. */
export interface RowPage {
  readonly epoch: number;
  readonly cells: Float64Array;
  readonly ints: Int32Array;
  readonly bytes: Uint8Array;
}

interface PageBook {
  /** Rows that somebody has. */
  used: number;
  /** The first free row. */
  free: number;
  nextRoomy: number;
}

/** Where a row begins among the cells of its page. */
export function cellsAt(row: number): number {
  return (row & (PAGE_ROWS - 1)) << 3;
}

/** Where a row begins among the ints of its page. */
export function intsAt(row: number): number {
  return (row & (PAGE_ROWS - 1)) << 4;
}

/** Where a row begins among the bytes of its page. */
export function bytesAt(row: number): number {
  return (row & (PAGE_ROWS - 1)) << 6;
}

/** @param firstRow when all rows are free: the first one's number */
function newPage(epoch: number, firstRow = NO_ROW): RowPage {
  const cells = new Float64Array(PAGE_ROWS * 8);
  const ints = new Int32Array(cells.buffer);
  if (firstRow !== NO_ROW) {
    for (let row = 0; row < PAGE_ROWS; row += 1) {
      ints[intsAt(row) + NEXT_FREE] = row + 1 < PAGE_ROWS ? firstRow + row + 1 : NO_ROW;
    }
  }
  return { epoch, cells, ints, bytes: new Uint8Array(cells.buffer) };
}

/** In the place of a row: none. */
export const NO_ROW = -1;
const PAGE_BITS = 9;
const PAGE_ROWS = 1 << PAGE_BITS;
const NEXT_FREE = 15;
/** In the place of a page without rows: what its rows say is -1. */
const NO_PAGE: RowPage = newPage(-1);
NO_PAGE.cells.fill(-1);
