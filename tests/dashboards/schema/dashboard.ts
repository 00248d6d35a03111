// What a file of a dashboard may hold, by Grafana's own types: what is misspelt does not compile.
import type { AnnotationQuery, Dashboard, Panel, RowPanel, ThresholdsConfig } from "@grafana/schema";
import type * as timeseries from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";
import type * as stat from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as table from "@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";

// JSON has the text of an enumeration's value, not its name.
type Plain<T> = T extends string
  ? `${T}`
  : T extends (infer U)[]
    ? Plain<U>[]
    : T extends object
      ? { [K in keyof T]: Plain<T[K]> }
      : T;

// What Grafana's Prometheus plug-in asks and notes; its types are in no package.
interface Target {
  refId: string;
  expr: string;
  legendFormat?: string;
  range?: boolean;
  instant?: boolean;
  format?: "table" | "time_series";
  interval?: string;
  datasource?: { type: "prometheus"; uid: string };
}
type Note = AnnotationQuery<Target> & { titleFormat: string; useValueForTime: "on" };

interface Defaults<Custom> {
  unit: string;
  mappings: NonNullable<Panel["fieldConfig"]>["defaults"]["mappings"];
  thresholds: ThresholdsConfig;
  custom?: Custom;
}
type Of<Type extends string, Options, Custom> = Omit<
  Panel,
  "type" | "options" | "targets" | "fieldConfig"
> & {
  type: Type;
  options: Partial<Options>;
  targets: Target[];
  fieldConfig: { defaults: Defaults<Custom>; overrides: [] };
};
type Any =
  | Of<"timeseries", timeseries.Options, timeseries.FieldConfig>
  | Of<"stat", stat.Options, never>
  | Of<"table", table.Options, never>
  | (RowPanel & { type: "row" });

export type File = Plain<
  Omit<Dashboard, "annotations" | "panels"> & { annotations: { list: Note[] }; panels: Any[] }
>;
