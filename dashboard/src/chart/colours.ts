// The page's own colours, as its style sheet has them in the present theme.
// In: an element. Out: `ChartColours` as `#rrggbb`, since canvases read no custom properties.
export interface ChartColours {
  background: string;
  text: string;
  muted: string;
  long: string;
  short: string;
  plate: string;
  line: string;
  accent: string;
  second: string;
}

export function coloursOf(element: HTMLElement): ChartColours {
  const style = getComputedStyle(element);
  const of = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    background: of("background"),
    text: of("text"),
    muted: of("muted"),
    long: of("long"),
    short: of("short"),
    plate: of("plate"),
    line: of("line"),
    accent: of("accent"),
    second: of("warn"),
  };
}
