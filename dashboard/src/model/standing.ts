// What would be force-closed on the way to a price, between the points the server told.
// In: the curves of two what-ifs. Out: USD with the least and most. Free of the DOM.
import type { Domino, Range, WhatIf } from "../api/answers";

export interface Standing {
  side: "long" | "short";
  /** From the mark. [%] */
  movePct: number;
  total: Range;
}

/** Points from the mark outwards, the mark itself the first. */
export function curveOf(told: WhatIf): Standing[] {
  const side = told.move_pct < 0 ? "long" : "short";
  const points = told.curve
    .map((one) => ({ side, movePct: one.move_pct, total: one[side] }) satisfies Standing)
    .sort((a, b) => Math.abs(a.movePct) - Math.abs(b.movePct));
  return [{ side, movePct: 0, total: { usd: 0, low: 0, high: 0 } }, ...points];
}

/** What stands on the way to a move. Totals only grow, so the line between two points holds. */
export function standingAt(curve: readonly Standing[], movePct: number): Range {
  const size = Math.abs(movePct);
  const after = curve.findIndex((one) => Math.abs(one.movePct) >= size);
  if (after === -1) return curve[curve.length - 1]?.total ?? { usd: 0, low: 0, high: 0 };
  if (after === 0) return curve[0]!.total;
  const [from, to] = [curve[after - 1]!, curve[after]!];
  const length = Math.abs(to.movePct) - Math.abs(from.movePct);
  const share = length > 0 ? (size - Math.abs(from.movePct)) / length : 1;
  const between = (a: number, b: number): number => a + share * (b - a);
  return {
    usd: between(from.total.usd, to.total.usd),
    low: between(from.total.low, to.total.low),
    high: between(from.total.high, to.total.high),
  };
}

export type Fall = "stands" | "fallen" | "pushed";

/**
 * Which dominoes a move lets fall: those it reaches, and those that the flow of these reaches.
 *
 * `dominoes` go one way, the nearest first. A domino that is not absorbed moves price as far as
 * the next one's trigger.
 */
export function falls(dominoes: readonly Domino[], mark: number, movePct: number): Fall[] {
  const to = mark * (1 + movePct / 100);
  let carried = false;
  return dominoes.map((one) => {
    const reached = movePct < 0 ? to <= one.trigger_price : to >= one.trigger_price;
    const state: Fall = reached ? "fallen" : carried ? "pushed" : "stands";
    carried = state !== "stands" && one.absorbed === false;
    return state;
  });
}
