// Draws one dashboard with Grafana's components, from what Prometheus answered (data.js).
import { createRoot } from "react-dom/client";

// Their ES modules import CommonJS as no bundler but Vite reads it.
const { createTheme, dateTime, FieldType, getDisplayProcessor, ThemeContext, toDataFrame } = require("@grafana/data");
const { BigValue, GlobalStyles, PanelChrome, Table, TimeSeries } = require("@grafana/ui");

const { board, answers, from, to } = window.shown;
const theme = createTheme({ colors: { mode: "light" } });
const timeRange = { from: dateTime(from), to: dateTime(to), raw: { from: dateTime(from), to: dateTime(to) } };
const EDGE = 16, GAP = 8, CELL = 30, TOP = 56;
const column = (document.documentElement.clientWidth - 2 * EDGE + GAP) / 24;

function named(legend, labels) {
  if (legend === "__auto") return Object.values(labels).join(" ") || undefined;
  return legend.replace(/{{\s*(\w+)\s*}}/g, (_, label) => labels[label] ?? "");
}

function shown(field, config, mode, index = 0) {
  field.config = { ...config, ...field.config, color: { mode } };
  field.state = { seriesIndex: index };
  field.display = getDisplayProcessor({ field, theme, timeZone: "utc" });
  return field;
}

function time(values) {
  return shown({ name: "Time", type: FieldType.time, values, config: {} }, {}, "fixed");
}

function frames(panel, mode) {
  const { defaults } = panel.fieldConfig;
  const series = panel.targets.flatMap((target, at) => answers[panel.id][at].result.map((one) => ({ target, ...one })));
  return series.map(({ target, metric, values }, index) => {
    const { __name__, ...labels } = metric;
    const value = {
      name: "Value",
      type: FieldType.number,
      values: values.map(([, text]) => Number(text)),
      labels,
      config: { displayName: named(target.legendFormat, labels) },
    };
    const frame = toDataFrame({ refId: target.refId, fields: [] });
    frame.fields = [time(values.map(([at]) => at * 1000)), shown(value, defaults, mode, index)];
    frame.length = values.length;
    return frame;
  });
}

function Stat({ panel, width, height }) {
  const [frame] = frames(panel, "thresholds");
  if (!frame) return "No data";
  const [x, y] = frame.fields;
  return (
    <BigValue
      {...panel.options}
      theme={theme}
      width={width}
      height={height}
      value={{ ...y.display(y.values.at(-1)), title: "" }}
      sparkline={{ x, y, timeRange }}
    />
  );
}

function Rows({ panel, width, height }) {
  const { defaults } = panel.fieldConfig;
  const rows = answers[panel.id][0];
  const labels = [...new Set(rows.flatMap((one) => Object.keys(one.metric)))].filter((name) => name !== "__name__");
  const frame = toDataFrame({ fields: [] });
  frame.fields = [
    ...labels.map((name) =>
      shown({ name, type: FieldType.string, values: rows.map((one) => one.metric[name]), config: {} }, {}, "fixed"),
    ),
    shown({ name: "Value", type: FieldType.number, values: rows.map((one) => Number(one.value[1])), config: {} }, defaults, "thresholds"),
  ];
  frame.length = rows.length;
  return <Table data={frame} width={width} height={height} initialSortBy={panel.options.sortBy} />;
}

function Series({ panel, width, height }) {
  const { legend } = panel.options;
  return (
    <TimeSeries
      frames={frames(panel, "palette-classic")}
      options={panel.options}
      legend={legend}
      timeRange={timeRange}
      timeZone="utc"
      width={width}
      height={height}
    />
  );
}

const KINDS = { stat: Stat, table: Rows, timeseries: Series };

function Panel({ panel }) {
  const { x, y, w, h } = panel.gridPos;
  const place = { position: "absolute", left: EDGE + x * column, top: TOP + y * (CELL + GAP) };
  if (panel.type === "row") return <div style={{ ...place, fontWeight: 500, fontSize: 15, lineHeight: "30px" }}>{panel.title}</div>;
  const Kind = KINDS[panel.type];
  return (
    <div style={place}>
      <PanelChrome title={panel.title} width={w * column - GAP} height={h * CELL + (h - 1) * GAP}>
        {(width, height) => <Kind panel={panel} width={width} height={height} />}
      </PanelChrome>
    </div>
  );
}

function Page() {
  const clock = (at) => new Date(at).toISOString().slice(11, 19);
  const head = { position: "absolute", left: EDGE, right: EDGE, top: 14, display: "flex", alignItems: "baseline", gap: 12 };
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <div style={head}>
        <span style={{ fontSize: 20, fontWeight: 500 }}>{board.title}</span>
        <span style={{ color: theme.colors.text.secondary }}>{board.description}</span>
        <span style={{ marginLeft: "auto", color: theme.colors.text.secondary }}>
          {clock(from)} – {clock(to)} UTC
        </span>
      </div>
      {board.panels.map((panel) => (
        <Panel key={panel.id} panel={panel} />
      ))}
    </ThemeContext.Provider>
  );
}

document.body.style.background = theme.colors.background.canvas;
createRoot(document.getElementById("root")).render(<Page />);
