// docs/reference/metrics.md: every metric of /metrics.

import { type MetricDefinition, metricDefinitions } from "../../server/src/metrics/metric-table.ts";
import { code, page, table } from "./markdown.ts";

const intro = `${code("GET /metrics")} in Prometheus's text form; where tokens are configured it wants one, as any other route:

${"```"}yaml
scrape_configs:
  - job_name: brooklet
    authorization: { credentials_file: token.txt }   # where the broker has tokens
    static_configs: [{ targets: ["127.0.0.1:4092"] }]
${"```"}

Counters begin at 0 when the broker starts. What exists per group or partition is bounded by the setting in the last column; how much is
left out is ${code("brooklet_series_left_out")}.`;

/** The page. */
export function metricsPage(): string {
  const rows = Object.entries<MetricDefinition>(metricDefinitions).map(([name, metric]) => [
    code(name),
    metric.type,
    metric.labels.map(code).join(", "),
    metric.text,
    metric.boundedBy === undefined ? "" : code(metric.boundedBy),
  ]);
  const head = ["metric", "type", "labels", "meaning", "series bounded by"];
  return page("Metrics", "server/src/metrics/metric-table.ts", intro, table(head, rows));
}
