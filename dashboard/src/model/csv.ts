// The visible part of a map as comma-separated values, one line a cell that is not faint.
// In: heat and the columns, prices and dollars that are shown. Out: text. Free of the DOM.
import type { Heat } from "./heat";
import { bin, type Price, type Usd } from "./nominal";

export interface Cut {
  /** Columns, the end not counted. */
  from: number;
  to: number;
  low: Price;
  high: Price;
  /** Cells of less are left out. */
  threshold: Usd;
  sides: readonly ("long" | "short")[];
}

export const CSV_HEAD =
  "column_start,column_end,side,price_low,price_high,estimated_usd,symbol,venue,model,simulated";

export function csvOf(heat: Heat, cut: Cut): string {
  const { symbol, venue, model, simulated } = heat.header;
  const tail = [symbol, venue, model, String(simulated)].map(quoted).join(",");
  const lines = [CSV_HEAD];
  for (let column = Math.max(0, cut.from); column < Math.min(heat.columns, cut.to); column += 1) {
    const start = new Date(heat.startMs[column]!).toISOString();
    const ended = heat.header.end_ms[column] ?? heat.startMs[column]! + heat.stepMs;
    const end = new Date(ended).toISOString();
    heat.planes.forEach((side, plane) => {
      if (side !== "both" && !cut.sides.some((one) => one === side)) return;
      const least = heat.byteFor(cut.threshold, column);
      for (let index = 0; index < heat.bins; index += 1) {
        const byte = heat.byte(plane, column, bin(index));
        if (byte < least) continue;
        const [low, high] = [heat.priceOf(bin(index)), heat.priceOf(bin(index + 1))];
        if (high <= cut.low || low >= cut.high) continue;
        const dollars = heat.usdOf(byte, column).toFixed(0);
        lines.push(
          `${start},${end},${side},${low.toPrecision(8)},${high.toPrecision(8)},${dollars},${tail}`,
        );
      }
    });
  }
  return `${lines.join("\n")}\n`;
}

function quoted(word: string): string {
  return /[",\n]/.test(word) ? `"${word.replaceAll('"', '""')}"` : word;
}
