import { describe, expect, it } from "vitest";

import { last, sums } from "../../src/chart/sub_panes";

const starts = [0, 1000, 2000, 3000];

describe("figures on the candles' times", () => {
  it("are the newest by the end of a column, and a gap where too old", () => {
    const points = last(starts, 1000, [900, 1000, 2500], [1, 2, 3]);
    expect(points).toEqual([
      { time: 0, value: 2 },
      { time: 1, value: 2 },
      { time: 2, value: 3 },
      { time: 3 },
    ]);
    const longer = last(starts, 1000, [900], [7], 5000);
    expect(longer.every((point) => "value" in point && point.value === 7)).toBe(true);
  });

  it("are added up within a column, and unknown is no zero", () => {
    const points = sums(starts, 1000, [500, 1000, 1500, 3500], [1, 2, null, 5], -1);
    expect(points).toEqual([{ time: 0, value: -3 }, { time: 1 }, { time: 2 }, { time: 3, value: -5 }]);
  });

  it("are none where none is held", () => {
    expect(last(starts, 1000, undefined, undefined)).toEqual([]);
  });
});
