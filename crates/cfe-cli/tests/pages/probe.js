// What is wrong with how a page looks, as JSON in an element of its own: text that is cut off, too small or on other
// text, elements wider than the page, and colors that cannot be told from what is behind them (WCAG 2.1, 4.5 to 1).
(() => {
  const problems = [];
  const page = document.documentElement;
  if (page.scrollWidth > page.clientWidth + 1) problems.push(`the page is ${page.scrollWidth} wide in ${page.clientWidth}`);
  const box = e => e.getBoundingClientRect();
  const what = e => `${e.tagName} ${JSON.stringify(e.textContent.trim().slice(0, 40))}`;
  // Elements that stick out of the page and scroll in nothing.
  const scrolls = e => { for (let p = e.parentElement; p; p = p.parentElement) if (getComputedStyle(p).overflowX === 'auto' || getComputedStyle(p).overflowX === 'scroll') return true; return false; };
  for (const e of document.querySelectorAll('p, h1, h2, h3, li, figure, table, svg, pre, details, summary, dl, label, input')) {
    const b = box(e);
    if (b.width > 0 && (b.right > page.clientWidth + 1 || b.left < -1) && !scrolls(e)) problems.push(`${what(e)} reaches from ${b.left.toFixed(0)} to ${b.right.toFixed(0)} of ${page.clientWidth}`);
  }
  for (const e of document.querySelectorAll('th, td')) {
    const b = box(e), style = getComputedStyle(e);
    if (b.height > 5 * parseFloat(style.fontSize) && b.width < 3 * parseFloat(style.fontSize)) {
      problems.push(`${what(e)} is squeezed to ${b.width.toFixed(0)} by ${b.height.toFixed(0)} px`);
    }
  }
  for (const svg of document.querySelectorAll('svg')) {
    const edge = box(svg), texts = [...svg.querySelectorAll('text')].filter(t => t.textContent.trim());
    const boxes = texts.map(box);
    texts.forEach((t, i) => {
      const b = boxes[i];
      if (b.left < edge.left - 1 || b.right > edge.right + 1 || b.top < edge.top - 1 || b.bottom > edge.bottom + 1) problems.push(`${what(t)} is cut off by ${what(svg)}`);
      const size = parseFloat(getComputedStyle(t).fontSize) * (t.getScreenCTM() ? t.getScreenCTM().a : 1);
      if (size < 8.5 && Math.abs(t.getScreenCTM().b) < 1e-6) problems.push(`${what(t)} is ${size.toFixed(1)} px high`);
      for (let j = 0; j < i; j++) {
        const c = boxes[j];
        const across = Math.min(b.right, c.right) - Math.max(b.left, c.left), down = Math.min(b.bottom, c.bottom) - Math.max(b.top, c.top);
        if (across > 2 && down > 0.35 * Math.min(b.height, c.height)) problems.push(`${what(t)} lies on ${what(texts[j])}`);
      }
    });
  }
  // Contrast of text against what is behind it (WCAG 2.1).
  const channel = v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const rgb = s => { const m = s.match(/[\d.]+/g).map(Number); return m.length > 3 ? m : [...m, 1]; };
  const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const behind = e => { for (let p = e; p; p = p.parentElement) { const c = rgb(getComputedStyle(p).backgroundColor); if (c[3] > 0.99) return c; } return [255, 255, 255, 1]; };
  const seen = new Set();
  for (const e of document.querySelectorAll('p, h1, h2, h3, li, td, th, summary, figcaption, dt, dd, label, a, code, svg text')) {
    if (!e.textContent.trim() || box(e).width === 0) continue;
    const style = getComputedStyle(e), color = rgb(e.tagName === 'text' ? style.fill : style.color), back = behind(e);
    const [a, b] = [light(color), light(back)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
    const key = `${color} on ${back}`;
    if (ratio < 4.5 && !seen.has(key)) { seen.add(key); problems.push(`${what(e)} has a contrast of ${ratio.toFixed(2)} (${key})`); }
  }
  const out = document.createElement('pre'); out.id = 'seen';
  out.textContent = JSON.stringify({ width: page.clientWidth, dark: matchMedia('(prefers-color-scheme: dark)').matches, problems });
  document.body.append(out);
})();
