// What a person sets on the chart: span, side, leverage, threshold, layers, panes.
// In: the store. Out: controls above the chart, each a change of the view. Free of drawing.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { formatPrice, formatUsd } from "../model/format";
import type { Usd } from "../model/nominal";
import { colourTable, PALETTES, type PaletteName } from "../model/palette";
import { priceOfWords } from "../model/price_words";
import { usdAtShare } from "../model/scale";
import { HORIZONS } from "../model/told";
import { PANES, RANGES, TIERS, type Model, type Side, type Theme, type View } from "../model/view";
import { price } from "../model/nominal";
import { Chevron } from "../panels/market_picker";
import { Menu } from "../panels/menu";
import type { Store } from "../store/store";
import { TITLES } from "./sub_panes";

export interface ToolbarActions {
  refit(): void;
  goTo(words: string): boolean;
  savePicture(): void;
  saveTable(): void;
}

interface Props {
  store: Store;
  actions: ToolbarActions;
  /** Least and most dollars of the cells that are loaded. */
  span: () => readonly [Usd, Usd];
}

const SIDES: readonly (readonly [Side, string])[] = [
  ["both", "Both"],
  ["long", "Longs"],
  ["short", "Shorts"],
];
const MODELS: readonly (readonly [Model, string, string])[] = [
  ["auto", "Best known", "Calibrated where a fit was known by then, else the stated prior"],
  ["calibrated", "Calibrated", "Fitted on realised liquidations known by then"],
  ["prior", "Prior", "The stated mixture of leverage, not fitted"],
];
const LAYERS: readonly (readonly [keyof View & ("profile" | "zones" | "bubbles" | "bands"), string])[] =
  [
    ["profile", "Profile at the right"],
    ["zones", "Clusters"],
    ["bubbles", "Realised liquidations"],
    ["bands", "Error bands"],
  ];
const REFIT = "M2 6V2h4 M10 2h4v4 M14 10v4h-4 M6 14H2v-4 M5.5 5.5h5v5h-5z";
const CAMERA = "M1.5 4.5h3l1-2h5l1 2h3v9h-13z M8 11.2a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2z";
const TABLE = "M1.5 2.5h13v11h-13z M1.5 6.2h13 M1.5 9.9h13 M6 2.5v11";
const TOOLS = [
  { act: "refit", words: "Show all of it", key: "0", path: REFIT },
  { act: "savePicture", words: "Save a picture", key: "s", path: CAMERA },
  { act: "saveTable", words: "Save what is visible as CSV", key: "c", path: TABLE },
] as const;
const PALETTE_TITLES: Record<PaletteName, string> = {
  forcedflow: "Purple to yellow",
  ember: "Ember",
  viridis: "Viridis",
  mono: "Mono",
};

export function Toolbar({ store, actions, span }: Props) {
  const view = store.view.value;
  const look = (change: Partial<View>) => () => {
    store.look(change);
  };
  return (
    <div class="toolbar" role="toolbar" aria-label="Chart">
      <div class="segments" role="group" aria-label="Span">
        {RANGES.map((range) => (
          <Segment key={range} on={view.range === range} press={look({ range })}>
            {range}
          </Segment>
        ))}
      </div>
      <div class="segments" role="group" aria-label="Side">
        {SIDES.map(([side, title]) => (
          <Segment key={side} on={view.side === side} press={look({ side })} kind={side}>
            {title}
          </Segment>
        ))}
      </div>
      <div class="leverage-all"><Leverage view={view} store={store} /></div>
      <Menu className="leverage-few" name={`${leverageWords(view)}: leverage counted`} label={<>{leverageWords(view)}<Chevron /></>}>
        {() => <div class="pad"><Leverage view={view} store={store} /></div>}
      </Menu>
      <Threshold view={view} store={store} span={span()} />
      <GoTo actions={actions} store={store} />
      <div class="toolbar-end">
        <Layers view={view} store={store} />
        {TOOLS.map(({ act, words, key, path }) => (
          <Tool key={act} title={`${words} (${key})`} press={actions[act]} path={path} />
        ))}
        <Menu className="tools-few" name="More" align="end" label="⋯">
          {(close) => (
            <ul class="list">
              {TOOLS.map(({ act, words, key }) => (
                <li key={act}>
                  <button
                    type="button"
                    onClick={() => {
                      actions[act]();
                      close();
                    }}
                  >
                    {words} <kbd>{key}</kbd>
                  </button>
                </li>
              ))}
            </ul>
          )}
        </Menu>
      </div>
    </div>
  );
}

function Tool({ title, press, path }: { title: string; press: () => void; path: string }) {
  return (
    <button type="button" class="tool tool-icon" title={title} aria-label={title} onClick={press}>
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        <path d={path} fill="none" stroke="currentColor" stroke-width="1.3" stroke-linejoin="round" />
      </svg>
    </button>
  );
}

interface SegmentProps {
  on: boolean;
  press: () => void;
  kind?: string;
  title?: string;
  children: ComponentChildren;
}

function Segment({ on, press, kind, title, children }: SegmentProps) {
  return (
    <button
      type="button"
      class={`segment ${kind ? `segment-${kind}` : ""}`}
      aria-pressed={on}
      title={title}
      onClick={press}
    >
      {children}
    </button>
  );
}

/** Which tiers are counted, in a few letters. */
function leverageWords({ tiers }: View): string {
  if (tiers.length === 0) return "All leverage";
  return tiers.length === 1 ? TIERS[tiers[0]!]! : `${tiers.length} of ${TIERS.length} tiers`;
}

function Leverage({ view, store }: { view: View; store: Store }) {
  const all = view.tiers.length === 0;
  const toggle = (place: number): void => {
    const held = all ? TIERS.map((_, tier) => tier) : view.tiers;
    const left = held.includes(place) ? held.filter((one) => one !== place) : [...held, place];
    // None would show nothing and all is the first view: both are told as all.
    const told = left.length === 0 || left.length === TIERS.length ? [] : [...left].sort();
    store.look({ tiers: told });
  };
  return (
    <div class="chips" role="group" aria-label="Leverage">
      {TIERS.map((tier, place) => (
        <button
          type="button"
          key={tier}
          class="chip"
          aria-pressed={all || view.tiers.includes(place)}
          title={`Positions of leverage ${tier}`}
          onClick={() => {
            toggle(place);
          }}
        >
          {tier}
        </button>
      ))}
    </div>
  );
}

/** The legend and the threshold in one: the colours of the span, and where they begin. */
function Threshold({ view, store, span }: { view: View; store: Store; span: readonly [Usd, Usd] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { palette, theme, threshold } = view;
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    const colours = colourTable(palette, theme);
    context.clearRect(0, 0, 256, 1);
    const first = Math.round(threshold * 255);
    const line = new ImageData(256, 1);
    line.data.set(colours);
    context.putImageData(line, 0, 0);
    context.clearRect(0, 0, first, 1);
  }, [palette, theme, threshold]);
  const least = usdAtShare(threshold, span as [Usd, Usd]);
  return (
    <label class="threshold" title="Cells of fewer dollars are not drawn ( [ and ] )">
      <span class="threshold-least">≥ {formatUsd(least)}</span>
      <span class="threshold-track">
        <canvas ref={canvas} width={256} height={1} aria-hidden="true" />
        <input
          type="range"
          min="0"
          max="1"
          step="0.005"
          aria-label="Least dollars of a cell that is drawn"
          aria-valuetext={formatUsd(least)}
          value={threshold}
          onInput={(event) => {
            store.look({ threshold: Number(event.currentTarget.value) });
          }}
        />
      </span>
      <span class="threshold-most">{formatUsd(span[1])}</span>
    </label>
  );
}

function GoTo({ actions, store }: { actions: ToolbarActions; store: Store }) {
  const [wrong, setWrong] = useState(false);
  const mark = store.heat.value.value?.header.mark_price ?? 0;
  const tick = store.market.value?.tick_size ?? 1;
  return (
    <form
      class="go-to"
      onSubmit={(event) => {
        event.preventDefault();
        const words = new FormData(event.currentTarget).get("price");
        setWrong(typeof words === "string" && words !== "" && !actions.goTo(words));
      }}
    >
      <input
        name="price"
        class="field"
        placeholder="Go to price"
        aria-label="Go to price"
        aria-invalid={wrong}
        title={
          wrong
            ? "A price such as 70k or 70,000, or a distance such as +3%"
            : `A price or a distance, such as ${formatPrice(price(mark), Math.max(1, tick))} or -3% (g)`
        }
        autocomplete="off"
        inputMode="text"
        onInput={(event) => {
          setWrong(
            event.currentTarget.value !== "" && priceOfWords(event.currentTarget.value, price(mark || 1)) === null,
          );
        }}
      />
    </form>
  );
}

function Layers({ view, store }: { view: View; store: Store }) {
  const menu = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const close = (event: Event): void => {
      if (menu.current?.open && !menu.current.contains(event.target as Node)) menu.current.open = false;
    };
    const escape = (event: KeyboardEvent): void => {
      if (event.key === "Escape" && menu.current?.open) {
        menu.current.open = false;
        menu.current.querySelector("summary")?.focus();
      }
    };
    document.addEventListener("pointerdown", close);
    document.addEventListener("keydown", escape);
    return () => {
      document.removeEventListener("pointerdown", close);
      document.removeEventListener("keydown", escape);
    };
  }, []);
  return (
    <details class="menu" ref={menu}>
      <summary class="tool">Layers</summary>
      <div class="menu-body">
        <fieldset>
          <legend>On the chart</legend>
          {LAYERS.map(([name, title]) => (
            <Check
              key={name}
              on={view[name]}
              change={(on) => {
                store.look({ [name]: on });
              }}
            >
              {title}
            </Check>
          ))}
          <Check
            on={view.linear}
            change={(on) => {
              store.look({ linear: on });
            }}
          >
            Linear price axis
          </Check>
        </fieldset>
        <fieldset>
          <legend>Beneath it</legend>
          {PANES.map((name) => (
            <Check
              key={name}
              on={view.panes.includes(name)}
              change={(on) => {
                const wanted = PANES.filter((one) => (one === name ? on : view.panes.includes(one)));
                store.look({ panes: wanted });
              }}
            >
              {TITLES[name]}
            </Check>
          ))}
          <label class="check">
            Forecast within
            <select
              value={String(view.horizon)}
              onChange={(event) => {
                const wanted = Number(event.currentTarget.value);
                store.look({ horizon: HORIZONS.find((one) => one === wanted) ?? view.horizon });
              }}
            >
              {HORIZONS.map((one) => (
                <option key={one} value={String(one)}>
                  {one} h
                </option>
              ))}
            </select>
          </label>
        </fieldset>
        <fieldset>
          <legend>Model</legend>
          {MODELS.map(([name, title, why]) => (
            <label class="check" key={name} title={why}>
              <input
                type="radio"
                name="model"
                checked={view.model === name}
                onChange={() => {
                  store.look({ model: name });
                }}
              />
              {title}
            </label>
          ))}
        </fieldset>
        <fieldset>
          <legend>Colours</legend>
          {PALETTES.map((name) => (
            <label class="check" key={name}>
              <input
                type="radio"
                name="palette"
                checked={view.palette === name}
                onChange={() => {
                  store.look({ palette: name });
                }}
              />
              <Swatch palette={name} theme={view.theme} />
              {PALETTE_TITLES[name]}
            </label>
          ))}
        </fieldset>
      </div>
    </details>
  );
}

function Swatch({ palette, theme }: { palette: PaletteName; theme: Theme }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const line = new ImageData(256, 1);
    line.data.set(colourTable(palette, theme));
    canvas.current?.getContext("2d")?.putImageData(line, 0, 0);
  }, [palette, theme]);
  return <canvas class="swatch" ref={canvas} width={256} height={1} aria-hidden="true" />;
}

interface CheckProps {
  on: boolean;
  change: (on: boolean) => void;
  children: ComponentChildren;
}

function Check({ on, change, children }: CheckProps) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={on}
        onChange={(event) => {
          change(event.currentTarget.checked);
        }}
      />
      {children}
    </label>
  );
}
