import { describe, expect, it } from "vitest";

import type { Ladder } from "../../src/api/types";
import { CSV_HEAD, csvOf } from "../../src/model/csv";
import { Heat, type HeatHeader } from "../../src/model/heat";
import { price, usd } from "../../src/model/nominal";
import { colourTable, PALETTES } from "../../src/model/palette";
import { priceOfWords } from "../../src/model/price_words";
import { binOf, readAt } from "../../src/model/reading";

const header: HeatHeader = {
  symbol: "SIM/USDT:USDT",
  venue: "sandbox",
  simulated: true,
  model: "prior",
  model_words: "stated prior",
  at: "2024-01-01T00:10:00Z",
  known_to: "2024-01-01T00:10:00Z",
  mark_price: 102.5,
  sigma_24h: null,
  planes: ["long", "short"],
  columns: 2,
  bins: 5,
  step_ms: 300_000,
  start_ms: [0, 300_000],
  end_ms: [300_000, 600_000],
  lowest_price: 100,
  bin_log_width: 0.01,
  even_usd: [1000, 1000],
  darkest: 0.1,
  brightest: 10,
  candles: { open: [102, 102], high: [103, 103], low: [101, 102], close: [102, 102.5] },
  assumptions: {},
  freshness: {},
};
// Longs stand below, shorts above.
const heat = new Heat(
  header,
  Uint8Array.from([255, 128, 0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0, 9, 255, 0, 0, 0, 0, 64]),
);
const every = [true, true];
const ladder = {
  mark_price: 102.5,
  edges: [100, 101, 102, 103, 104, 105],
  tiers: ["≤5×", ">5×"],
  sides: {
    long: {
      usd: [30, 20, 10, 0, 0],
      low: [3, 2, 1, 0, 0],
      high: [300, 200, 100, 0, 0],
      cumulative_usd: [60, 30, 10, 0, 0],
      by_tier_usd: [
        [10, 15, 0, 0, 0],
        [20, 5, 10, 0, 0],
      ],
    },
    short: {
      usd: [0, 0, 1, 2, 4],
      low: [0, 0, 0, 1, 2],
      high: [0, 0, 2, 4, 8],
      cumulative_usd: [0, 0, 1, 3, 7],
      by_tier_usd: [
        [0, 0, 1, 0, 3],
        [0, 0, 0, 2, 1],
      ],
    },
  },
} as unknown as Ladder;

describe("a reading of the chart", () => {
  it("says what stood in the cell, on which side, and how far it is from the newest mark", () => {
    const reading = readAt(heat, ladder, 0, price(100.5), every);
    expect(reading.cell?.long).toBeCloseTo(10_000);
    expect(reading.cell?.short).toBe(0);
    expect(reading.percent).toBeCloseTo(100 * (100.5 / 102.5 - 1));
    expect(reading.candle).toEqual({ open: 102, high: 103, low: 101, close: 102 });
  });

  it("adds up to the price from the mark, of all tiers or of those that are shown", () => {
    const all = readAt(heat, ladder, 1, price(100.5), every).standing;
    expect(all).toMatchObject({ side: "long", usd: 30, low: 3, high: 300, cumulative: 60 });
    const high = readAt(heat, ladder, 1, price(100.5), [false, true]).standing;
    expect(high).toMatchObject({ usd: 20, cumulative: 35 });
    expect(high?.tiers.map((tier) => tier.name)).toEqual([">5×"]);
    const above = readAt(heat, ladder, 1, price(104.5), [true, false]).standing;
    expect(above).toMatchObject({ side: "short", usd: 3, cumulative: 4 });
  });

  it("claims nothing beyond the map and beyond the ladder", () => {
    const right = readAt(heat, ladder, 7, price(99), every);
    expect([right.cell, right.candle, right.standing]).toEqual([null, null, null]);
    expect(binOf(ladder.edges, price(105))).toBeNull();
    expect(binOf(ladder.edges, price(104.99))).toBe(4);
  });
});

describe("a table of what is visible", () => {
  const cut = { from: 0, to: 2, low: price(0), high: price(1e9), threshold: usd(150) };

  it("has a line for every cell that is not faint, and says that it is simulated", () => {
    const lines = csvOf(heat, { ...cut, sides: ["long", "short"] }).trimEnd().split("\n");
    expect(lines[0]).toBe(CSV_HEAD);
    expect(lines).toHaveLength(6);
    expect(lines[1]).toBe(
      "1970-01-01T00:00:00.000Z,1970-01-01T00:05:00.000Z,long,100.00000,101.00502,10000," +
        "SIM/USDT:USDT,sandbox,prior,true",
    );
  });

  it("leaves out sides and prices that are not shown", () => {
    expect(csvOf(heat, { ...cut, sides: ["short"] }).match(/long/g)).toBeNull();
    const above = csvOf(heat, { ...cut, low: price(104.5), sides: ["long", "short"] });
    expect(above.trimEnd().split("\n")).toHaveLength(3);
  });
});

describe("a price in words", () => {
  it("may be short, with thousands apart, or a distance from the mark", () => {
    const of = (words: string): number | null => priceOfWords(words, price(80_000));
    expect(of("70k")).toBe(70_000);
    expect(of(" 70,000.5 ")).toBe(70_000.5);
    expect(of("$1.2m")).toBe(1_200_000);
    expect(of("+3%")).toBeCloseTo(82_400);
    expect(of("−2.5 %")).toBeCloseTo(78_000);
  });

  it("is none where it says none", () => {
    for (const words of ["", "up", "0", "-100%", "1.2.3", "-5"]) {
      expect(priceOfWords(words, price(80_000))).toBeNull();
    }
  });
});

describe("a colour table", () => {
  it("shows nothing for nothing and grows ever more solid, in both themes", () => {
    for (const name of PALETTES) {
      for (const theme of ["dark", "light"] as const) {
        const alpha = colourTable(name, theme).filter((_, i) => i % 4 === 3);
        expect(alpha[0]).toBe(0);
        expect(alpha[255]).toBe(255);
        expect(alpha.every((value, i) => i === 0 || value >= alpha[i - 1]!)).toBe(true);
      }
    }
  });
});
