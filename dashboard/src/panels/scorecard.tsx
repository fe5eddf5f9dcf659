// What the numbers of this market were worth so far: records, beside their baselines.
import type { Figure, RecordOf, Scorecard } from "../api/answers";
import { useAnswer } from "../store/answers";
import type { Store } from "../store/store";
import { Answer, Empty, Remedy, sentence } from "./state";

const TITLES: Record<string, string> = {
  signals: "Signals",
  second_leg: "Second leg",
  regimes: "Regimes",
  map: "Map",
};

export function ScorecardPage({ store }: { store: Store }) {
  const held = useAnswer<Scorecard>(store, "scorecard", {}, { model: false });
  return (
    <section class="page">
      <div class="page-head">
        <h1>Scorecard</h1>
        <p class="muted">Records held of {store.view.value.symbol}, known by the moment looked at.</p>
      </div>
      <Answer held={held} what="records">
        {(told) => (
          <div class="cards">
            {(["signals", "second_leg", "regimes", "map"] as const).map((name) => (
              <article key={name} class="card">
                <h2>{TITLES[name]}</h2>
                {name === "map" ? (
                  told.records.map ? (
                    <p>
                      <b>{told.records.map.name}</b>, fitted to {told.records.map.fit_to.slice(0, 10)}
                      <span class="muted"> {told.records.map.targets}</span>
                    </p>
                  ) : (
                    <Missing why={told.missing[name]} />
                  )
                ) : told.records[name] ? (
                  <Record record={told.records[name]} />
                ) : (
                  <Missing why={told.missing[name]} />
                )}
              </article>
            ))}
          </div>
        )}
      </Answer>
    </section>
  );
}

function Missing({ why }: { why: string | undefined }) {
  const [words = "none is held", hint] = (why ?? "").split("; hint: ");
  return (
    <Empty>
      <p>{sentence(words)}</p>
      {hint && <Remedy text={hint} />}
    </Empty>
  );
}

function Record({ record }: { record: RecordOf }) {
  const words = typeof record.words === "object" && !Array.isArray(record.words)
    ? Object.entries(record.words)
    : [record.words ?? []].flat().map((one, place) => [String(place), one] as const);
  return (
    <>
      <p class="muted small">
        {record.from.slice(0, 10)} to {record.to.slice(0, 10)}
        {record.simulated && ", simulated"}
      </p>
      <ul class="record-words">
        {words.map(([name, text]) => (
          <li key={name}>{text}</li>
        ))}
      </ul>
      {record.figures && Object.keys(record.figures).length > 0 && (
        <div class="scroll">
          <table class="wide-table">
            <thead>
              <tr>
                <th scope="col">Of</th><th scope="col">Measure</th><th scope="col" class="number">n</th>
                <th scope="col" class="number">Value</th><th scope="col" class="number">Baseline</th>
                <th scope="col" class="number">Gain, interval</th><th scope="col" class="number">p</th>
              </tr>
            </thead>
            <tbody>
              {Object.entries(record.figures).flatMap(([name, figures]) =>
                figures.map((one) => <FigureRow key={`${name}${one.metric}${one.horizon}`} name={name} figure={one} />),
              )}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function FigureRow({ name, figure }: { name: string; figure: Figure }) {
  const { metric, horizon, n, value, baseline_value, ci, p_adj } = figure;
  return (
    <tr>
      <th scope="row">{name.replaceAll("_", " ")}</th>
      <td>{metric.replaceAll("_", " ")} <span class="muted">{horizon}</span></td>
      <td class="number">{n ?? "–"}</td>
      <td class="number">{three(value)}</td>
      <td class="number muted">{three(baseline_value)}</td>
      <td class="number muted">{ci ? `${three(ci[0])} … ${three(ci[1])}` : "–"}</td>
      <td class="number muted">{three(p_adj)}</td>
    </tr>
  );
}

function three(value: number | null): string {
  return value === null ? "–" : value.toPrecision(3);
}
