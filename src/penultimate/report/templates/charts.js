for (const script of document.querySelectorAll("script[data-chart]")) {
  const name = script.dataset.chart, report = document.body.dataset.report;
  const place = document.getElementById("chart-" + name);
  const spec = JSON.parse(script.textContent), rows = rowsOf(spec);
  drawn(place, name, report, fitted(spec, place.clientWidth)).then(() => offer(place, report + "-" + name, () => rows));
}
