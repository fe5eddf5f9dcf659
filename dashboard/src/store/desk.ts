// What is open beside the chart, as part of the link.
// In: the part of an address after `#`. Out: `Desk`. Free of the DOM.

export const PAGES = ["chart", "scan", "scorecard", "data"] as const;
export type Page = (typeof PAGES)[number];
export const PANELS = ["signals", "chain", "forecast", "checklist", "calendar", "alerts"] as const;
export type PanelName = (typeof PANELS)[number];

export interface Desk {
  page: Page;
  panel: PanelName;
}

export const FIRST_DESK: Desk = { page: "chart", panel: "signals" };

/** The pairs that a desk adds to a link: only what differs from the first one. */
export function deskPairs(desk: Desk): string {
  const pairs = new URLSearchParams();
  if (desk.page !== FIRST_DESK.page) pairs.set("page", desk.page);
  if (desk.panel !== FIRST_DESK.panel) pairs.set("panel", desk.panel);
  return pairs.toString();
}

export function deskOf(link: string): Desk {
  const pairs = new URLSearchParams(link.replace(/^#/, ""));
  return {
    page: PAGES.find((one) => one === pairs.get("page")) ?? FIRST_DESK.page,
    panel: PANELS.find((one) => one === pairs.get("panel")) ?? FIRST_DESK.panel,
  };
}
