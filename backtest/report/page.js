"use strict";
// Draws every figure in the colours of the page, and again when these change or the page is printed.
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const places = [...document.querySelectorAll("[data-figure]")];

  const coloured = (value, styles) => {
    if (typeof value === "string") return value.startsWith("--") ? styles.getPropertyValue(value).trim() : value;
    if (Array.isArray(value)) return value.map((one) => coloured(one, styles));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, coloured(one, styles)]));
  };

  const draw = (width) => {
    const styles = getComputedStyle(document.documentElement);
    const rule = styles.getPropertyValue("--grid").trim();
    for (const place of places) {
      const { data, layout } = coloured(figures[place.dataset.figure], styles);
      for (const [name, axis] of Object.entries(layout)) {
        if (/^[xy]axis/.test(name)) Object.assign(axis, { gridcolor: rule, zerolinecolor: rule, linecolor: rule });
      }
      const font = { family: "system-ui, sans-serif", size: 12, color: styles.getPropertyValue("--text").trim() };
      const hover = { bgcolor: styles.getPropertyValue("--panel").trim(), font };
      Object.assign(layout, { font, hoverlabel: hover, paper_bgcolor: "transparent", plot_bgcolor: "transparent" });
      layout.width = width || place.clientWidth;
      Plotly.react(place, data, layout, { displaylogo: false, displayModeBar: false, showTips: false });
    }
  };

  draw();
  let waiting = 0;
  const again = () => {
    clearTimeout(waiting);
    waiting = setTimeout(draw, 150);
  };
  addEventListener("resize", again);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
  // On paper: the colours of print, and no wider than a sheet.
  matchMedia("print").addEventListener("change", (media) => draw(media.matches ? 680 : 0));
})();
