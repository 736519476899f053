// SPDX-License-Identifier: Apache-2.0
//
// Draws the figures over their static versions, to the width of the window and in its colours, and fills in what the
// buttons do. Without it, or without the charting library, the page says the same.
"use strict";
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  function themed(spec, width) {
    const ink = dark.matches ? "#e4e7eb" : "#1f2328";
    const line = dark.matches ? "#363d44" : "#d5dae0";
    const quiet = dark.matches ? "#9aa4af" : "#59636e";
    const font = "system-ui, sans-serif";
    const narrow = width < 560; // a phone: shorter titles, one column of legend
    const faceted = Boolean(spec.encoding && spec.encoding.row);
    const panels = Boolean(spec.concat); // in a grid, each with axes of its own
    const copy = structuredClone(spec);
    copy.autosize = faceted || panels ? { type: "pad" } : { type: "fit-x", contains: "padding" };
    if (panels) {
      copy.columns = narrow ? 1 : copy.columns;
      const each = Math.floor((width - copy.spacing * (copy.columns - 1)) / copy.columns) - 52;
      for (const panel of copy.concat) panel.width = each;
    } else {
      copy.width = faceted ? width - 56 : width - 6;
    }
    if (narrow && !panels) {
      const legend = copy.layer && copy.layer[1].encoding.color.legend;
      if (legend) legend.columns = 1;
      if (faceted) copy.encoding.x.title = "error (ULP)";
      else copy.layer[1].encoding.x.title = "(max − x) / T";
    }
    copy.config = {
      background: "transparent",
      font,
      view: { stroke: null },
      title: { color: ink, fontSize: 13, fontWeight: 600, anchor: "start", frame: "group" },
      mark: { color: ink },
      rule: { color: ink },
      axis: { labelColor: quiet, titleColor: ink, gridColor: line, domainColor: quiet, tickColor: quiet,
              labelFontSize: 12, titleFontSize: 13, titleFontWeight: 500, titlePadding: 8 },
      legend: { labelColor: ink, titleColor: ink, labelFontSize: 12 },
      header: { labelColor: ink, labelFontSize: 13, labelFontWeight: 600, labelLimit: width - 60 },
    };
    return copy;
  }

  const widths = new Map();
  async function draw(force) {
    if (typeof vegaEmbed === "undefined") return;
    for (const chart of document.querySelectorAll(".chart[data-spec]")) {
      const width = Math.floor(chart.getBoundingClientRect().width);
      if (!force && widths.get(chart) === width) continue;
      widths.set(chart, width);
      let text = document.getElementById(chart.dataset.spec).textContent;
      if (dark.matches) text = text.replaceAll("#0072b2", "#4c9be8"); // the palette's blue is too dark on black
      const spec = JSON.parse(text);
      const target = document.createElement("div");
      try {
        await vegaEmbed(target, themed(spec, width), { actions: false, renderer: "svg", tooltip: true });
        chart.replaceChildren(target);
      } catch (error) {
        console.error(error); // the static figure stays
      }
    }
  }

  let timer = 0;
  window.addEventListener("resize", () => {
    clearTimeout(timer);
    timer = setTimeout(() => draw(false), 150);
  });
  dark.addEventListener("change", () => draw(true));
  draw(true);

  for (const command of document.querySelectorAll(".command")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      const code = command.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy"; }, 1500);
      } catch {
        getSelection().selectAllChildren(code);
      }
    });
    command.append(button);
  }
})();
