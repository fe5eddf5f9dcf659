import { describe, expect, it } from "vitest";

import type { Domino, WhatIf } from "../../src/api/answers";
import { curveOf, falls, standingAt } from "../../src/model/standing";

const nothing = { usd: 0, low: 0, high: 0 };
const range = (usd: number) => ({ usd, low: usd / 2, high: usd * 3 });

const told = {
  mark_price: 100,
  move_pct: -10,
  curve: [
    { price: 96, move_pct: -4, long: range(40), short: nothing },
    { price: 98, move_pct: -2, long: range(10), short: nothing },
  ],
} as unknown as WhatIf;

function domino(trigger: number, absorbed: boolean): Domino {
  return { side: "long", trigger_price: trigger, absorbed } as Domino;
}

describe("what stands on the way", () => {
  const curve = curveOf(told);

  it("begins with nothing at the mark and goes outwards", () => {
    expect(curve.map((one) => one.movePct)).toEqual([0, -2, -4]);
    expect(standingAt(curve, 0)).toEqual(nothing);
  });

  it("is on the line between two points told, with its range", () => {
    expect(standingAt(curve, -1)).toEqual({ usd: 5, low: 2.5, high: 15 });
    expect(standingAt(curve, -3)).toEqual({ usd: 25, low: 12.5, high: 75 });
  });

  it("stays at the last point beyond what was told", () => {
    expect(standingAt(curve, -9).usd).toBe(40);
  });
});

describe("dominoes", () => {
  const three = [domino(98, true), domino(96, false), domino(94, true)];

  it("stand until price reaches their trigger", () => {
    expect(falls(three, 100, -1)).toEqual(["stands", "stands", "stands"]);
    expect(falls(three, 100, -2)).toEqual(["fallen", "stands", "stands"]);
  });

  it("set off the next one where their flow is not absorbed", () => {
    expect(falls(three, 100, -4)).toEqual(["fallen", "fallen", "pushed"]);
  });

  it("end a chain where they are absorbed", () => {
    const chain = [domino(98, false), domino(96, true), domino(94, true)];
    expect(falls(chain, 100, -2)).toEqual(["fallen", "pushed", "stands"]);
  });
});
