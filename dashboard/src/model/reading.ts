// What stands at one point of the chart, in figures: for the tooltip and for whoever cannot see it.
// In: heat, ladder, a time and a price. Out: `Reading`. [USD, quote per base, UTC ms] Free of the DOM.
import type { Ladder } from "../api/types";
import type { Heat } from "./heat";
import { price, timeMs, usd, type Price, type TimeMs, type Usd } from "./nominal";

export interface Tier {
  name: string;
  usd: Usd;
}

export interface Reading {
  time: TimeMs;
  price: Price;
  /** From the newest mark price. [%] */
  percent: number | null;
  candle: { open: number; high: number; low: number; close: number } | null;
  /** In the cell beneath; null where the map does not reach. */
  cell: { long: Usd; short: Usd; binPercent: number } | null;
  /** As of the map's moment, whatever the time pointed at. */
  standing: {
    side: "long" | "short";
    /** In the ladder's bin. */
    usd: Usd;
    low: Usd;
    high: Usd;
    tiers: Tier[];
    /** Everything between the mark and the price. */
    cumulative: Usd;
  } | null;
}

/** Read the chart at a column and a price. */
export function readAt(
  heat: Heat,
  ladder: Ladder | null,
  column: number,
  at: Price,
  shown: readonly boolean[],
): Reading {
  const place = Math.min(Math.max(0, Math.round(column)), heat.columns - 1);
  const index = heat.binOf(at);
  const inside = column >= -0.5 && column < heat.columns - 0.5;
  const cell = { long: usd(0), short: usd(0), binPercent: 100 * Math.expm1(heat.width) };
  if (index !== null && inside) {
    heat.planes.forEach((name, plane) => {
      if (name === "long" || name === "short") cell[name] = heat.usdAt(plane, place, index);
    });
  }
  const { open, high, low, close } = heat.candles;
  const mark = close[heat.columns - 1];
  const known = inside && close[place] !== undefined;
  return {
    time: timeMs(heat.startMs[place] ?? 0),
    price: at,
    percent: mark ? 100 * (at / mark - 1) : null,
    candle: known
      ? { open: open[place]!, high: high[place]!, low: low[place]!, close: close[place]! }
      : null,
    cell: index !== null && inside ? cell : null,
    standing: ladder ? standingAt(ladder, at, shown) : null,
  };
}

function standingAt(ladder: Ladder, at: Price, shown: readonly boolean[]): Reading["standing"] {
  const bin = binOf(ladder.edges, at);
  if (bin === null) return null;
  const side = at < ladder.mark_price ? "long" : "short";
  const one = ladder.sides[side];
  const every = shown.every(Boolean);
  const tiers = ladder.tiers.flatMap((name, tier) =>
    shown[tier] === false ? [] : [{ name, usd: usd(one.by_tier_usd[tier]?.[bin] ?? 0) }],
  );
  const total = tiers.reduce((sum, tier) => sum + tier.usd, 0);
  return {
    side,
    usd: usd(every ? one.usd[bin]! : total),
    low: usd(one.low[bin]!),
    high: usd(one.high[bin]!),
    tiers,
    cumulative: usd(every ? one.cumulative_usd[bin]! : sumTo(ladder, side, bin, shown)),
  };
}

/** Dollars of the tiers shown in every bin from the mark out to one. */
function sumTo(
  ladder: Ladder,
  side: "long" | "short",
  bin: number,
  shown: readonly boolean[],
): number {
  const mark = binOf(ladder.edges, price(ladder.mark_price)) ?? bin;
  const [from, to] = side === "long" ? [bin, mark] : [mark, bin];
  let sum = 0;
  ladder.sides[side].by_tier_usd.forEach((values, tier) => {
    if (shown[tier] === false) return;
    for (let index = from; index <= to; index += 1) sum += values[index] ?? 0;
  });
  return sum;
}

/** The bin whose edges hold a price; null beyond them. */
export function binOf(edges: readonly number[], at: Price): number | null {
  const last = edges.length - 1;
  if (last < 1 || at < edges[0]! || at >= edges[last]!) return null;
  let [low, high] = [0, last];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (edges[middle]! <= at) low = middle;
    else high = middle;
  }
  return low;
}
