import { describe, expect, it } from "vitest";

import { decodeHeat } from "../../src/api/tile";
import { Heat, type HeatHeader } from "../../src/model/heat";
import { bin, price, usd } from "../../src/model/nominal";

function header(columns = 3, bins = 4, planes = ["both"]): HeatHeader {
  return {
    symbol: "SIM/USDT:USDT",
    venue: "sandbox",
    simulated: true,
    model: "prior",
    model_words: "stated prior",
    at: "2024-01-01T00:15:00Z",
    known_to: "2024-01-01T00:15:00Z",
    mark_price: 100,
    sigma_24h: 0.03,
    planes,
    columns,
    bins,
    step_ms: 300_000,
    start_ms: [0, 300_000, 600_000].slice(0, columns),
    end_ms: [300_000, 600_000, 900_000].slice(0, columns),
    lowest_price: 100,
    bin_log_width: 0.01,
    even_usd: [1000, 1000, 2000].slice(0, columns),
    darkest: 0.1,
    brightest: 10,
    candles: { open: [], high: [], low: [], close: [] },
    assumptions: {},
    freshness: { age_s: 0 },
  };
}

const cells = Uint8Array.from([0, 1, 128, 255, 0, 0, 10, 20, 5, 6, 7, 8]);

describe("a heatmap", () => {
  it("knows what a byte is worth in its own column", () => {
    const heat = new Heat(header(), cells);
    expect(heat.usdAt(0, 0, bin(0))).toBe(0);
    expect(heat.usdAt(0, 0, bin(3))).toBeCloseTo(10_000);
    expect(heat.usdOf(255, 2)).toBeCloseTo(20_000);
  });

  it("finds the byte for dollars that the dollars of a byte came from", () => {
    const heat = new Heat(header(), cells);
    for (const byte of [1, 2, 77, 200, 255]) {
      expect(heat.byteFor(heat.usdOf(byte, 1), 1)).toBe(byte);
    }
    expect(heat.byteFor(usd(1e9), 1)).toBe(256);
    expect(heat.byteFor(usd(0), 1)).toBe(1);
  });

  it("finds the bin of a price, and none beyond the grid", () => {
    const heat = new Heat(header(), cells);
    for (const index of [0, 1, 2, 3]) expect(heat.binOf(heat.priceOf(bin(index)))).toBe(index);
    expect(heat.binOf(price(99))).toBeNull();
    expect(heat.binOf(price(105))).toBeNull();
  });

  it("spans what is visible and nothing else", () => {
    const heat = new Heat(header(), cells);
    const [least, most] = heat.range(1, 2);
    expect(least).toBeCloseTo(heat.usdOf(10, 1));
    expect(most).toBeCloseTo(heat.usdOf(20, 1));
  });

  const live = (bytes: number[], more: object = {}) => ({
    start_ms: 900_000,
    end_ms: 1_200_000,
    candle: [100, 103, 99, 101] as const,
    even_usd: 1000,
    lowest_price: 100 * Math.exp(0.01),
    bin_log_width: 0.01,
    sides_base64: { long: btoa(String.fromCharCode(...bytes)), short: "" },
    ...more,
  });

  it("takes a live column twice without growing twice, on a grid that moved", () => {
    const heat = new Heat(header(), cells);
    expect(heat.append(live([9, 8, 7, 6]))).toBe("added");
    expect(heat.append(live([1, 2, 3, 4], { end_ms: 1_100_000 }))).toBe("replaced");
    expect(heat.columns).toBe(4);
    expect([0, 1, 2, 3].map((index) => heat.byte(0, 3, bin(index)))).toEqual([0, 1, 2, 3]);
    expect(heat.byte(0, 0, bin(3))).toBe(255);
  });

  it("keeps the dollars of a live column whose bins are finer", () => {
    const heat = new Heat(header(), cells);
    const fine = { bin_log_width: 0.005, lowest_price: 100, even_usd: 500 };
    heat.append(live([128, 128], fine));
    const each = 500 * 0.1 * 100 ** (128 / 255);
    expect(heat.usdAt(0, 3, bin(0)) / (2 * each)).toBeCloseTo(1, 1);
    expect(heat.byte(0, 3, bin(1))).toBe(0);
  });

  it("lets a live bar widen the candle it lies in, and refuses one that is past", () => {
    const held = header();
    held.candles = { open: [1, 1, 100], high: [1, 1, 101], low: [1, 1, 99.5], close: [1, 1, 100] };
    const heat = new Heat(held, cells);
    expect(heat.append(live([], { end_ms: 660_000 }))).toBe("replaced");
    expect([heat.candles.high[2], heat.candles.low[2], heat.candles.close[2]]).toEqual([103, 99, 101]);
    expect(heat.append(live([], { end_ms: 300_000 }))).toBe("refused");
    expect(heat.columnAt(899_999)).toBe(2);
    expect(heat.columnAt(900_000)).toBeNull();
  });

  it("is refused where bytes are missing", () => {
    expect(() => new Heat(header(), cells.slice(1))).toThrow(/bytes/);
    expect(() => decodeHeat(new ArrayBuffer(2))).toThrow(/cut short/);
  });

  it("comes back from the wire as it was sent", () => {
    const head = new TextEncoder().encode(JSON.stringify(header(3, 2, ["long", "short"])));
    const body = new Uint8Array(4 + head.length + 12);
    new DataView(body.buffer).setUint32(0, head.length, true);
    body.set(head, 4);
    body.set(cells, 4 + head.length);
    const heat = decodeHeat(body.buffer);
    expect(heat.byte(0, 0, bin(1))).toBe(1);
    expect(heat.byte(1, 2, bin(1))).toBe(8);
  });
});
