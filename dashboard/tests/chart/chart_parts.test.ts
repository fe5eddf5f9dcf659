import { describe, expect, it } from "vitest";

import type { Series } from "../../src/api/types";
import { reachOf, tierQuery } from "../../src/chart/answers";
import { bubblesOf, columnsOf, merge, type Bubble } from "../../src/chart/bubbles_primitive";
import { oncePerFrame } from "../../src/chart/frame";
import { fileName } from "../../src/chart/picture";
import { profileWidth, shownUsd } from "../../src/chart/profile_primitive";
import { lines } from "../../src/chart/tooltip";
import { spread } from "../../src/chart/zones_primitive";
import type { Heat } from "../../src/model/heat";
import { price, timeMs, usd } from "../../src/model/nominal";
import { FIRST_VIEW } from "../../src/model/view";

const heat = {
  columnAt: (ms: number) => (ms >= 0 && ms < 600 ? Math.floor(ms / 300) : null),
  candles: { low: [10, 20], high: [11, 21] },
} as unknown as Heat;
const series = {
  series: {
    liquidations: {
      time_ms: [100, 300, 301, 900],
      long_usd: [5, 7, null, 9],
      short_usd: [0, 1, 4, 2],
    },
  },
} as unknown as Series;

describe("realised liquidations as circles", () => {
  it("are summed in the column they ended in, where the price was pushed to", () => {
    expect(bubblesOf(series, heat, "both")).toEqual([
      { column: 0, price: 10, usd: 12, side: "long" },
      { column: 0, price: 11, usd: 1, side: "short" },
      { column: 1, price: 21, usd: 4, side: "short" },
    ]);
    expect(bubblesOf(series, heat, "long").every((bubble) => bubble.side === "long")).toBe(true);
  });
});

describe("circles that would cover each other", () => {
  const at = (column: number, usd: number): Bubble => ({ column, price: column, usd, side: "long" });

  it("are one, where most of its dollars were, with the dollars of all", () => {
    const found = merge([at(0, 1), at(1, 5), at(3, 2), at(4, 9)], 4);
    expect(found).toEqual([{ ...at(1, 8) }, at(4, 9)]);
    expect(merge([at(0, 1), at(1, 5)], 1)).toEqual([at(0, 1), at(1, 5)]);
  });

  it("stay apart where columns are wide, and are grouped by powers of two where they are not", () => {
    expect([20, 14, 7, 6.9, 1].map(columnsOf)).toEqual([1, 1, 2, 4, 16]);
  });
});

describe("what comes oftener than frames", () => {
  it("is answered once a frame, the last of it", () => {
    const answered: number[] = [];
    const frames: (() => void)[] = [];
    const tell = oncePerFrame<number>((value) => answered.push(value), (frame) => frames.push(frame));
    [1, 2, 3].forEach(tell);
    expect([frames.length, answered]).toEqual([1, []]);
    frames.shift()!();
    tell(4);
    frames.shift()!();
    expect(answered).toEqual([3, 4]);
  });
});

describe("labels of clusters", () => {
  it("keep their order and never cover each other, at the edges too", () => {
    const placed = spread([{ label: 398 }, { label: 12 }, { label: 395 }, { label: 10 }], 400);
    const at = placed.map((one) => one.label);
    expect([...at].sort((a, b) => a - b)).toEqual(at);
    for (let i = 1; i < at.length; i += 1) expect(at[i]! - at[i - 1]!).toBeGreaterThanOrEqual(15);
    expect(at.at(-1)).toBeLessThan(400);
  });
});

describe("a profile", () => {
  it("reaches as far as the prices beside it, whatever the span usually moves through", () => {
    const fell = (top: number): Heat =>
      ({ header: { mark_price: 100 }, candles: { low: [99], high: [top] } }) as unknown as Heat;
    expect(reachOf("24h", null)).toBe(0.08);
    expect(reachOf("24h", fell(101))).toBe(0.08);
    expect(reachOf("24h", fell(116))).toBe(0.3);
    expect(reachOf("24h", fell(300))).toBe(0.5);
  });

  it("counts the tiers that are shown and leaves room for candles on a phone", () => {
    const side = { usd: [3, 5], by_tier_usd: [[1, 2], [2, 3]] } as never;
    expect(shownUsd(side, [true, true])).toEqual([3, 5]);
    expect(shownUsd(side, [false, true])).toEqual([2, 3]);
    expect([profileWidth(360), profileWidth(1400)]).toEqual([64, 150]);
  });
});

describe("the tooltip", () => {
  it("says the range beside the estimate, and which tiers it is of", () => {
    const rows = lines(
      {
        time: timeMs(0),
        price: price(100),
        percent: -2,
        candle: null,
        cell: { long: usd(2e6), short: usd(0), binPercent: 0.1 },
        standing: {
          side: "long",
          usd: usd(1e6),
          low: usd(5e5),
          high: usd(3e6),
          tiers: [
            { name: "≤5×", usd: usd(1e6) },
            { name: ">50×", usd: usd(0) },
          ],
          cumulative: usd(4e6),
        },
      },
      "UTC",
      0.1,
    );
    const said = rows.map(([, left, right]) => `${left} ${right}`.trim());
    expect(said).toContain("Longs, stood in 0.10 % ≈ $2.00M");
    expect(said).toContain("At this price ($500K–$3.00M) ≈ $1.00M");
    expect(said).toContain("From the mark to here ≈ $4.00M");
    expect(said.some((words) => words.startsWith(">50×"))).toBe(false);
    expect(said.at(-1)).toBe("Estimates, if touched");
  });
});

describe("what is asked for", () => {
  it("names tiers only where some are left out", () => {
    expect(tierQuery(FIRST_VIEW)).toBeNull();
    expect(tierQuery({ ...FIRST_VIEW, tiers: [0, 2] })).toBe("0,2");
    expect(tierQuery({ ...FIRST_VIEW, tiers: [0, 1, 2, 3, 4] })).toBeNull();
  });
});

describe("the name of a saved file", () => {
  it("holds nothing that a file system refuses", () => {
    expect(fileName(["forcedflow", "simulated", "sandbox", "SIM/USDT", "7d", "2024-02-11T12:00"])).toBe(
      "forcedflow-simulated-sandbox-sim-usdt-7d-2024-02-11t12-00",
    );
  });
});
