import { describe, expect, it } from "vitest";

import type { ForecastCourse } from "../../src/api/answers";
import { ApiError } from "../../src/api/client";
import type { Series } from "../../src/api/types";
import { toldOf, withTold } from "../../src/model/told";

const course = {
  venue: "sandbox",
  symbol: "SIM/USDT:USDT",
  time_ms: [1, 2],
  chances: [
    { direction: "down", horizon_h: 4, probability: [0.1, 0.2], climatology: [0.05, null] },
    { direction: "down", horizon_h: 24, probability: [0.3, 0.4], climatology: [0.5, 0.6] },
  ],
  sizes: [
    {
      side: "long",
      horizon_h: 4,
      quantiles_usd: { "0.05": [1, 1], "0.5": [2, 3], "0.95": [9, 9] },
      baseline_quantiles_usd: null,
    },
  ],
  missing: { before: "no model had been fitted by then" },
} as unknown as ForecastCourse;
const series = {
  venue: "sandbox",
  symbol: "SIM/USDT:USDT",
  series: {},
  missing: { basis: "no spot" },
} as unknown as Series;

describe("what was told over time", () => {
  it("is of one horizon, empty where nothing is told of it", () => {
    const told = toldOf(course, 4);
    expect(told.down).toEqual({ ours: [0.1, 0.2], usual: [0.05, null] });
    expect(told.longs).toEqual({ ours: [2, 3], most: [9, 9], usual: [] });
    expect(told.up.ours).toEqual([]);
  });

  it("stands beside the other series and leaves them as they are", () => {
    const both = withTold(series, { value: course, error: null }, 24)!;
    expect(both.series.told?.down.ours).toEqual([0.3, 0.4]);
    expect(both.missing).toMatchObject({ basis: "no spot", forecast_chance: "no model had been fitted by then" });
    expect(series.series).toEqual({});
  });

  it("says why there is none: another market's answer, one under way, or a failure with its remedy", () => {
    const other = { ...course, venue: "binance" } as ForecastCourse;
    expect(withTold(series, { value: other, error: null }, 4)!.series.told).toBeUndefined();
    expect(withTold(series, { value: null, error: null }, 4)!.missing.forecast_size).toBe("being read");
    const failed = new ApiError(404, "no_data", "no forecast was fitted", "forcedflow train forecast", null);
    expect(withTold(series, { value: null, error: failed }, 4)!.missing.forecast_chance).toBe(
      "no forecast was fitted (forcedflow train forecast)",
    );
  });
});
