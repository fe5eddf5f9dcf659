import { describe, expect, it } from "vitest";

import {
  decimals,
  formatAge,
  formatPrice,
  formatProbability,
  formatSignedPercent,
  formatTime,
  formatUsd,
} from "../../src/model/format";

describe("numbers as a person reads them", () => {
  it("writes dollars with three figures and never a thousand of a unit", () => {
    expect([0, 7.5, 950, 12_400, 999_999, 3_210_000, 1.1e9].map((n) => formatUsd(n))).toEqual([
      "$0",
      "$7.50",
      "$950",
      "$12.4K",
      "$1.00M",
      "$3.21M",
      "$1.10B",
    ]);
    expect(formatUsd(null)).toBe("–");
  });

  it("writes prices with the tick's decimals", () => {
    expect(formatPrice(70208.12, 0.1)).toBe("70,208.1");
    expect(formatPrice(0.12345, 0.00001)).toBe("0.12345");
    expect(decimals(0.5)).toBe(1);
    expect(decimals(1)).toBe(0);
  });

  it("always says the sign, except of nothing", () => {
    expect(formatSignedPercent(2.878)).toBe("+2.88 %");
    expect(formatSignedPercent(-0.67)).toBe("−0.67 %");
    expect(formatSignedPercent(-0.001)).toBe("0.00 %");
  });

  it("does not call a small chance none", () => {
    expect(formatProbability(0.0004)).toBe("<0.1 %");
    expect(formatProbability(0.004)).toBe("0.4 %");
    expect(formatProbability(0.12)).toBe("12 %");
    expect(formatProbability(0)).toBe("0 %");
  });

  it("tells ages and times of a zone, over the change of clocks too", () => {
    expect([4, 720, 12_600, 181_440].map((s) => formatAge(s))).toEqual([
      "4 s",
      "12 min",
      "3.5 h",
      "2.1 d",
    ]);
    expect(formatTime(Date.UTC(2026, 2, 29, 0, 59), "Europe/Berlin")).toBe("2026-03-29 01:59");
    expect(formatTime(Date.UTC(2026, 2, 29, 1, 0), "Europe/Berlin")).toBe("2026-03-29 03:00");
  });
});

describe("ticks far below one", () => {
  it("give as many decimals as they need, so that a cheap coin has a price", () => {
    expect([1e-7, 5e-8, 1e-9, 0.25, 10].map(decimals)).toEqual([7, 8, 9, 2, 0]);
    expect(formatPrice(0.08810667, 1e-7)).toBe("0.0881067");
  });
});
