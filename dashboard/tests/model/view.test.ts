import { describe, expect, it } from "vitest";

import { usd } from "../../src/model/nominal";
import { bubbleRadius, shareOfUsd, usdAtShare } from "../../src/model/scale";
import { FIRST_VIEW, fromLink, toLink, type View } from "../../src/model/view";

describe("a link", () => {
  it("brings the whole view back", () => {
    const view: View = {
      venue: "binance",
      joint: true,
      symbol: "BTC/USDT:USDT",
      range: "30d",
      side: "long",
      model: "prior",
      palette: "ember",
      theme: "light",
      threshold: 0.4,
      linear: true,
      bands: true,
      bubbles: false,
      profile: false,
      zones: false,
      tiers: [0, 3],
      panes: ["funding", "cvd"],
      horizon: 4,
      at: Date.UTC(2026, 1, 6),
      zone: "Asia/Singapore",
    };
    expect(fromLink(`#${toLink(view)}`)).toEqual(view);
  });

  it("says only what is not as at first", () => {
    expect(toLink({ ...FIRST_VIEW, venue: "sandbox" })).toBe("venue=sandbox");
  });

  it("takes nonsense for nothing", () => {
    const link = "range=9y&side=up&threshold=7&at=yesterday&zone=Mars/Olympus&palette=x&linear=2";
    expect(fromLink(link)).toEqual(FIRST_VIEW);
  });
});

describe("scales", () => {
  it("span the visible dollars and come back", () => {
    const range = [usd(1e4), usd(1e8)] as const;
    for (const share of [0, 0.25, 1]) {
      expect(shareOfUsd(usdAtShare(share, range), range)).toBeCloseTo(share);
    }
    expect(usdAtShare(0.5, range)).toBeCloseTo(1e6);
    expect(usdAtShare(0.5, [usd(1), usd(1)])).toBe(1);
  });

  it("draw areas, not radii", () => {
    const [small, large] = [bubbleRadius(usd(1), usd(4), 10), bubbleRadius(usd(4), usd(4), 10)];
    expect(large / small).toBeCloseTo(2);
    expect(bubbleRadius(usd(4), usd(0), 10)).toBe(0);
  });
});
