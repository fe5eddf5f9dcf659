// The heatmap as bytes, and what a byte is worth in dollars.
import type { VenueShare } from "../api/types";
import { bin, price, usd, type Bin, type Price, type Usd } from "./nominal";

export type HeatSide = "both" | "long" | "short";

/** What the server says of a heatmap. Prices in quote per base, notional in USD, times in UTC ms. */
export interface HeatHeader {
  symbol: string;
  venue: string;
  simulated: boolean;
  model: string;
  model_words: string;
  at: string;
  known_to: string;
  mark_price: number;
  sigma_24h: number | null;
  /** Where several venues are added up: each one's part. */
  venues?: VenueShare[];
  planes: string[];
  columns: number;
  bins: number;
  step_ms: number;
  start_ms: number[];
  end_ms: number[];
  lowest_price: number;
  bin_log_width: number;
  even_usd: number[];
  darkest: number;
  brightest: number;
  candles: { open: number[]; high: number[]; low: number[]; close: number[] };
  assumptions: Record<string, unknown>;
  freshness: { age_s?: number | null; [key: string]: unknown };
}

/** One live column, as the event stream sends it: a byte a cell and side, the lowest price first. */
export interface HeatColumn {
  start_ms: number;
  end_ms: number;
  /** Open, high, low, close of the mark price. */
  candle: readonly [number, number, number, number];
  even_usd: number;
  lowest_price: number;
  bin_log_width: number;
  sides_base64: { long: string; short: string };
}

/**
 * Bytes of one plane per side, column by column, the lowest price first.
 *
 * Byte 0 says "at most `even * darkest`", 255 "at least `even * brightest`"; between them the
 * dollars grow by a constant factor. `even` is an even spread of that column's open interest, so a
 * colour means the same on every coin and a past column never changes its own.
 */
export class Heat {
  readonly planes: readonly string[];
  readonly bins: number;
  readonly stepMs: number;
  readonly lowest: number;
  readonly width: number;
  readonly darkest: number;
  readonly brightest: number;
  columns: number;
  startMs: number[];
  even: number[];
  readonly candles: { open: number[]; high: number[]; low: number[]; close: number[] };
  private cells: Uint8Array[];

  constructor(
    readonly header: HeatHeader,
    cells: Uint8Array,
  ) {
    const size = header.columns * header.bins;
    if (cells.length !== size * header.planes.length) {
      throw new Error(
        `a heatmap of ${header.planes.length} × ${header.columns} × ${header.bins} cells came with ` +
          `${cells.length} bytes`,
      );
    }
    this.planes = header.planes;
    this.columns = header.columns;
    this.bins = header.bins;
    this.stepMs = header.step_ms;
    this.lowest = header.lowest_price;
    this.width = header.bin_log_width;
    this.darkest = header.darkest;
    this.brightest = header.brightest;
    this.startMs = [...header.start_ms];
    this.even = [...header.even_usd];
    const { open, high, low, close } = header.candles;
    this.candles = { open: [...open], high: [...high], low: [...low], close: [...close] };
    this.cells = header.planes.map((_, plane) => cells.slice(plane * size, (plane + 1) * size));
  }

  /** Lower edge of a bin; bins are even in log price. */
  priceOf(index: Bin): Price {
    return price(this.lowest * Math.exp(index * this.width));
  }

  /** The bin that holds a price; null above and below the grid. */
  binOf(value: Price): Bin | null {
    const index = Math.floor(Math.log(value / this.lowest) / this.width + 1e-9);
    return index >= 0 && index < this.bins ? bin(index) : null;
  }

  byte(plane: number, column: number, index: Bin): number {
    return this.cells[plane]?.[column * this.bins + index] ?? 0;
  }

  /** Dollars that a byte stands for in a column; 0 for a cell too faint to be told from nothing. */
  usdOf(byte: number, column: number): Usd {
    if (byte === 0) return usd(0);
    const even = this.even[column] ?? 0;
    return usd(even * this.darkest * (this.brightest / this.darkest) ** (byte / 255));
  }

  usdAt(plane: number, column: number, index: Bin): Usd {
    return this.usdOf(this.byte(plane, column, index), column);
  }

  /** The least byte of a column that stands for at least so many dollars; 256 where none does. */
  byteFor(value: Usd, column: number): number {
    const faintest = (this.even[column] ?? 0) * this.darkest;
    if (!(value > faintest)) return 1;
    const place = (255 * Math.log(value / faintest)) / Math.log(this.brightest / this.darkest);
    return Math.min(256, Math.max(1, Math.ceil(place - 1e-6)));
  }

  /** Dollars of the faintest and the brightest cell among columns: what a threshold may span. */
  range(from: number, to: number): [Usd, Usd] {
    let least = Infinity;
    let most = 0;
    for (let column = Math.max(0, from); column < Math.min(this.columns, to); column += 1) {
      for (let plane = 0; plane < this.cells.length; plane += 1) {
        const bytes = this.cells[plane]!.subarray(column * this.bins, (column + 1) * this.bins);
        let low = 256;
        let high = 0;
        for (const byte of bytes) {
          if (byte > high) high = byte;
          if (byte > 0 && byte < low) low = byte;
        }
        if (high > 0) {
          least = Math.min(least, this.usdOf(low, column));
          most = Math.max(most, this.usdOf(high, column));
        }
      }
    }
    return most > 0 ? [usd(least), usd(most)] : [usd(1), usd(1)];
  }

  /** Bytes of a plane, column by column. */
  plane(index: number): Uint8Array {
    return this.cells[index]!;
  }

  /** The byte that stands for so many dollars in a column. */
  byteOf(value: Usd, column: number): number {
    const faintest = (this.even[column] ?? 0) * this.darkest;
    if (!(value > faintest) || !(faintest > 0)) return 0;
    const place = (255 * Math.log(value / faintest)) / Math.log(this.brightest / this.darkest);
    return Math.min(255, Math.max(1, Math.round(place)));
  }

  /** Whether a time lies within a column: its place, else null. */
  columnAt(ms: number): number | null {
    let [low, high] = [0, this.columns];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.startMs[middle]! <= ms) low = middle + 1;
      else high = middle;
    }
    const found = low - 1;
    return found >= 0 && ms < this.startMs[found]! + this.stepMs ? found : null;
  }

  /**
   * Put a live column at the end, or over the last one if it ends within that.
   *
   * Live bins are laid on this map's own, dollars added up where this map's are wider; what falls
   * beyond its ends is left out until the map is read again. A column older than the last is not
   * taken: the past does not change.
   */
  append(column: HeatColumn): "replaced" | "added" | "refused" {
    const last = this.startMs[this.columns - 1] ?? 0;
    const start = Math.floor((column.end_ms - 1) / this.stepMs) * this.stepMs;
    if (start < last && column.end_ms <= last) return "refused";
    const added = start > last;
    const even = (column.even_usd * this.width) / column.bin_log_width;
    const [open, high, low, close] = column.candle;
    if (added) {
      this.columns += 1;
      this.startMs.push(start);
      this.even.push(even);
      this.candles.open.push(open);
      this.candles.high.push(high);
      this.candles.low.push(low);
      this.candles.close.push(close);
      this.cells = this.cells.map((old) => {
        const grown = new Uint8Array(this.columns * this.bins);
        grown.set(old);
        return grown;
      });
    } else {
      const place = this.columns - 1;
      this.even[place] = even;
      this.candles.high[place] = Math.max(this.candles.high[place]!, high);
      this.candles.low[place] = Math.min(this.candles.low[place]!, low);
      this.candles.close[place] = close;
    }
    const planes = this.planes.map((name) =>
      name === "both" ? (["long", "short"] as const) : ([name as "long" | "short"] as const),
    );
    planes.forEach((sides, plane) => {
      this.lay(plane, this.dollarsOf(column, sides));
    });
    return added ? "added" : "replaced";
  }

  private dollarsOf(column: HeatColumn, sides: readonly ("long" | "short")[]): Float64Array {
    const dollars = new Float64Array(this.bins);
    const faintest = column.even_usd * this.darkest;
    const growth = Math.log(this.brightest / this.darkest) / 255;
    for (const side of sides) {
      const bytes = bytesOf(column.sides_base64[side]);
      for (let index = 0; index < bytes.length; index += 1) {
        const byte = bytes[index]!;
        if (byte === 0) continue;
        const middle = column.lowest_price * Math.exp((index + 0.5) * column.bin_log_width);
        const place = this.binOf(price(middle));
        if (place !== null) dollars[place]! += faintest * Math.exp(byte * growth);
      }
    }
    return dollars;
  }

  private lay(plane: number, dollars: Float64Array): void {
    const column = this.columns - 1;
    const target = this.cells[plane]!.subarray(column * this.bins);
    for (let index = 0; index < this.bins; index += 1) {
      target[index] = this.byteOf(usd(dollars[index]!), column);
    }
  }
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}
