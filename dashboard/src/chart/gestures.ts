// Wheel and keys on the chart; drag, pinch and the axes are the library's own.
// In: events of an element. Out: calls on the chart and changes of the view. Free of drawing.
import { RANGES, type View } from "../model/view";
import type { HeatChart } from "./heat_chart";

export interface Commands {
  look(change: Partial<View>): void;
  view(): View;
  focusPrice(): void;
  savePicture(): void;
  saveTable(): void;
}

const STEP = 0.12;
const ZOOM = 1.25;

export function listen(element: HTMLElement, drawn: HeatChart, commands: Commands): () => void {
  const onTouch = (): void => {
    drawn.touched();
  };
  const onWheel = (event: WheelEvent): void => {
    drawn.touched();
    // Alone, the wheel scales time and the library answers it.
    if (!event.shiftKey && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    // Browsers turn the wheel sideways while Shift is held.
    const turned = event.deltaY || event.deltaX;
    const top = element.getBoundingClientRect().top;
    drawn.zoomPrices(Math.exp(Math.sign(turned) * 0.12), event.clientY - top);
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.startsWith("Arrow") || event.key === "+" || event.key === "-") drawn.touched();
    const done = answer(event.key, event.shiftKey, drawn, commands);
    if (!done) return;
    event.preventDefault();
    event.stopPropagation();
  };
  const onDouble = (): void => {
    drawn.refit();
  };
  element.addEventListener("wheel", onWheel, { capture: true, passive: false });
  element.addEventListener("keydown", onKey);
  element.addEventListener("pointerdown", onTouch);
  drawn.chart.subscribeDblClick(onDouble);
  return () => {
    element.removeEventListener("wheel", onWheel, { capture: true });
    element.removeEventListener("keydown", onKey);
    element.removeEventListener("pointerdown", onTouch);
    drawn.chart.unsubscribeDblClick(onDouble);
  };
}

/** Do what a key says; false where it says nothing. */
function answer(key: string, shift: boolean, drawn: HeatChart, commands: Commands): boolean {
  const view = commands.view();
  const moves: Record<string, () => void> = {
    ArrowLeft: () => {
      drawn.moveTime(-STEP);
    },
    ArrowRight: () => {
      drawn.moveTime(STEP);
    },
    ArrowUp: () => {
      if (shift) drawn.zoomPrices(1 / ZOOM, drawn.chart.paneSize(0).height / 2);
      else drawn.movePrices(STEP);
    },
    ArrowDown: () => {
      if (shift) drawn.zoomPrices(ZOOM, drawn.chart.paneSize(0).height / 2);
      else drawn.movePrices(-STEP);
    },
    "+": () => {
      drawn.moveTime(0, 1 / ZOOM);
    },
    "=": () => {
      drawn.moveTime(0, 1 / ZOOM);
    },
    "-": () => {
      drawn.moveTime(0, ZOOM);
    },
    Home: () => {
      drawn.refit();
    },
    "0": () => {
      drawn.refit();
    },
    "[": () => {
      commands.look({ threshold: Math.max(0, view.threshold - 0.05) });
    },
    "]": () => {
      commands.look({ threshold: Math.min(1, view.threshold + 0.05) });
    },
    l: () => {
      commands.look({ linear: !view.linear });
    },
    p: () => {
      commands.look({ profile: !view.profile });
    },
    z: () => {
      commands.look({ zones: !view.zones });
    },
    b: () => {
      commands.look({ bands: !view.bands });
    },
    g: () => {
      commands.focusPrice();
    },
    s: () => {
      commands.savePicture();
    },
    c: () => {
      commands.saveTable();
    },
  };
  const range = /^[1-8]$/.test(key) ? RANGES[Number(key) - 1] : undefined;
  if (range) {
    commands.look({ range });
    return true;
  }
  const move = moves[key];
  move?.();
  return move !== undefined;
}
