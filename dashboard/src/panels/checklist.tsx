// The checklist of the moment, the regime, and what the rules say of a trade.
import type { Check, Plan, Playbook, Regime } from "../api/answers";
import { formatAge, formatPrice, formatProbability, formatSignedPercent, formatTime, tickNear } from "../model/format";
import { useAnswer } from "../store/answers";
import type { Store } from "../store/store";
import { Answer, AsOf } from "./state";

const TITLES: Record<string, string> = {
  nearest_cluster_up_pct: "Nearest cluster above",
  nearest_cluster_down_pct: "Nearest cluster below",
  venue_alignment: "Venues agree",
  oi_trend_4h: "Open interest, 4 h",
  funding_bias: "Funding",
  spot_confirmation: "Spot confirms",
  liquidity: "Liquidity",
  volatility_window_6h: "Volatility window",
  next_cluster_after_first: "Cluster after the first",
  invalidation_level: "Invalidation",
  max_loss: "Loss at invalidation",
};

export function ChecklistPanel({ store }: { store: Store }) {
  const held = useAnswer<Playbook>(store, "playbook", {});
  const { at, zone } = store.view.value;
  return (
    <Answer held={held} what="the checklist: it weighs 30 days, some seconds">
      {(told) => {
        const tick = store.market.value?.tick_size ?? tickNear(told.mark_price);
        return (
          <>
            <AsOf at={told.at} wanted={at} zone={zone} />
            {told.regime && <RegimeStrip regime={told.regime} zone={zone} />}
            {told.no_trade && (
              <p class="verdict-strip">
                <b>No trade</b> {told.reason}
              </p>
            )}
            <ul class="checks" aria-label="Checklist">
              {Object.entries(told.checklist).map(([name, check]) => (
                <Row key={name} title={TITLES[name] ?? name.replaceAll("_", " ")} check={check} tick={tick} />
              ))}
            </ul>
            <h3>Plans that the rules draw up</h3>
            {(["up", "down"] as const).map((way) => {
              const plan = told.plans[way];
              return plan ? <PlanRow key={way} plan={plan} tick={tick} /> : null;
            })}
            <p class="muted small">{told.words}</p>
          </>
        );
      }}
    </Answer>
  );
}

function RegimeStrip({ regime, zone }: { regime: Regime; zone: string }) {
  return (
    <div class="regime" title={regime.evidence.join("\n")}>
      <span class="muted">Regime</span>
      <b>{regime.title}</b>
      {regime.since_ms !== null && (
        <span class="muted">since {formatTime(regime.since_ms, zone).slice(5)}</span>
      )}
      <p class="muted">{regime.evidence.join("; ")}</p>
    </div>
  );
}

function Row({ title, check, tick }: { title: string; check: Check; tick: number }) {
  return (
    <li class={check.verdict === "unknown" ? "is-unknown" : ""}>
      <div>
        <b>{title}</b>
        <span class="number">{valueWords(check, tick)}</span>
        <span class={`tag ${tone(check.verdict)}`}>{check.verdict}</span>
      </div>
      <p class="evidence">
        {check.evidence}
        {check.age_s !== null && check.age_s > 0 ? ` (input ${formatAge(check.age_s)} old)` : ""}
      </p>
    </li>
  );
}

const LOUD = new Set(["near", "aligned", "rising", "leans long", "leans short", "not confirmed", "thin", "open", "ahead", "reaches the next"]);

function tone(verdict: string): string {
  return verdict === "unknown" ? "unknown" : LOUD.has(verdict) ? "loud" : "calm";
}

function valueWords({ value, unit }: Check, tick: number): string {
  if (value === null) return "–";
  if (unit === "quote per base") return formatPrice(value, tick);
  if (unit === "%") return formatSignedPercent(value);
  if (unit === "h" || unit === "bps") return `${value.toFixed(value < 10 ? 2 : 1)} ${unit}`;
  if (unit.startsWith("% per")) return `${formatSignedPercent(value, 4)}/${unit.slice(6)}`;
  if (unit.startsWith("%")) return `${value.toFixed(2)} %`;
  return value.toPrecision(3);
}

function PlanRow({ plan, tick }: { plan: Plan; tick: number }) {
  const rises = plan.direction === "up";
  return (
    <div class="plan">
      <div class="plan-head">
        <b class={rises ? "rises" : "falls"}>{rises ? "▲ Up" : "▼ Down"}</b>
        <span class={plan.no_trade ? "tag calm" : "tag loud"}>
          {plan.no_trade ? "no trade" : "stated"}
        </span>
      </div>
      <dl class="figures">
        <div><dt>Trigger</dt><dd>{formatPrice(plan.trigger, tick)}</dd></div>
        <div><dt>Invalid</dt><dd>{formatPrice(plan.invalidation, tick)}</dd></div>
        <div><dt>Cluster</dt><dd>{formatPrice(plan.target, tick)}</dd></div>
        <div><dt>Reward : risk</dt><dd>{plan.reward_to_risk?.toFixed(1) ?? "–"}</dd></div>
        <div><dt>Chance, no drift</dt><dd>{formatProbability(plan.chance_without_drift)}</dd></div>
        <div><dt>Needed to pay</dt><dd>{formatProbability(plan.chance_to_pay)}</dd></div>
      </dl>
      <p class="muted small">{plan.reason}</p>
    </div>
  );
}
